using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Streaming;

namespace NvStream.Measurement;

/// <summary>Weights of one type and shape: what all products with them move and compute in a pass.</summary>
/// <param name="Rows">Outputs of one weight.</param>
/// <param name="Columns">Inputs of one weight.</param>
/// <param name="Count">Weights of this kind.</param>
public sealed record WeightDemand(TensorType Type, int Rows, int Columns, int Count)
{
    /// <summary>Bytes of one weight.</summary>
    public long BytesEach => TensorTypes.BytesOf(Type, (long)Rows * Columns);

    /// <summary>Bytes of all of them.</summary>
    public long Bytes => BytesEach * Count;
}

/// <summary>What a pass of a model moves and computes, by its real extents and a plan.</summary>
public sealed record ModelDemand
{
    /// <summary>The model's name, for reports.</summary>
    public required string Name { get; init; }

    public required ResidencyPlan Plan { get; init; }

    /// <summary>The weights that every token is multiplied with, largest share first; vectors (norms, biases) are not counted.</summary>
    public required IReadOnlyList<WeightDemand> Weights { get; init; }

    /// <summary>Bytes read from storage a pass.</summary>
    public long StorageBytes => Plan.BytesPerPass;

    /// <summary>Bytes copied from pinned host memory a pass.</summary>
    public long HostBytes => Plan.HostBytes;

    /// <summary>Bytes of weights that the device reads from its own memory a pass.</summary>
    public long WeightBytes => Weights.Sum(w => w.Bytes);

    /// <param name="layers">All layers, the head last.</param>
    /// <param name="plan">Of the same layers.</param>
    public static ModelDemand From(string name, IReadOnlyList<LayerLayout> layers, ResidencyPlan plan)
    {
        ArgumentNullException.ThrowIfNull(layers);
        var counts = new Dictionary<(TensorType Type, int Rows, int Columns), int>();
        foreach (var layer in layers)
        {
            foreach (var tensor in Enum.GetValues<LayerTensor>())
            {
                if (layer[tensor] is { Rows: > 1 } weight)
                {
                    var kind = (weight.Type, weight.Rows, weight.Columns);
                    counts[kind] = counts.GetValueOrDefault(kind) + 1;
                }
            }
        }

        return new()
        {
            Name = name,
            Plan = plan,
            Weights = [.. counts.Select(c => new WeightDemand(c.Key.Type, c.Key.Rows, c.Key.Columns, c.Value)).OrderByDescending(w => w.Bytes)],
        };
    }
}
