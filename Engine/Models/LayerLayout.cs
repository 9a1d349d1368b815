using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Models;

/// <summary>The tensors a layer can have. The head is one more layer, with the last two.</summary>
public enum LayerTensor
{
    AttentionNorm,
    Q,
    K,
    V,
    Output,
    QBias,
    KBias,
    VBias,
    OutputBias,
    QNorm,
    KNorm,
    FfnNorm,
    Gate,
    Up,
    Down,
    HeadNorm,
    Head,
}

/// <summary>Which tensors a layer has, checked against the hyperparameters, and where they lie in its memory.</summary>
public sealed class LayerLayout
{
    readonly Weight[] _weights = new Weight[Enum.GetValues<LayerTensor>().Length];

    LayerLayout(string name, LayerExtents extents)
    {
        Name = name;
        Extents = extents;
    }

    /// <summary>"blk.0" and so on, or "output".</summary>
    public string Name { get; }

    public LayerExtents Extents { get; }

    public long Bytes => Extents.Bytes;

    /// <summary>A tensor's place relative to the layer's base: Address is a byte offset.</summary>
    internal Weight this[LayerTensor tensor] => _weights[(int)tensor];

    /// <summary>The layer's weights where its bytes lie at <paramref name="address"/>.</summary>
    public LayerWeights At(nint address) => new(this, address);

    /// <summary>All layers of a model, the head last. Reads no weights.</summary>
    /// <exception cref="GgufException">A tensor is missing or has another shape than the hyperparameters say.</exception>
    /// <exception cref="ModelException">A tensor that this forward pass does not know, or a type the device cannot take.</exception>
    public static LayerLayout[] Read(GgufFile file, ModelSpec spec, Func<TensorType, bool> isSupported)
    {
        if (file.FindTensor("token_embd.weight") is { } embedding && !isSupported(embedding.Type))
        {
            throw ModelException.TensorTypeUnsupported(file.Path, embedding.Name, embedding.Type);
        }

        var byLayer = file.Tensors.Where(t => t.Name.StartsWith("blk.", StringComparison.Ordinal))
            .GroupBy(t => t.Name[..(t.Name.IndexOf('.', 4) is var dot and > 0 ? dot : t.Name.Length)])
            .ToDictionary(g => g.Key, g => g.ToList());

        var layers = new LayerLayout[spec.LayerCount + 1];
        var shapes = BlockShapes(spec);
        for (var i = 0; i < spec.LayerCount; i++)
        {
            var name = $"blk.{i}";
            var tensors = byLayer.GetValueOrDefault(name) ?? [];
            tensors.RemoveAll(t => t.Name.EndsWith(".attn_rot_embd", StringComparison.Ordinal));
            if (tensors.Find(t => !shapes.ContainsKey(t.Name[(name.Length + 1)..])) is { } unknown)
            {
                throw ModelException.ArchitectureUnsupported(file.Path, $"'{spec.Architecture}' with a tensor '{unknown.Name}' is not supported");
            }

            layers[i] = Build(file, name, name + ".", tensors, shapes, isSupported);
        }

        var head = file.FindTensor("output.weight") is null ? "token_embd.weight" : "output.weight";
        var headShapes = new Dictionary<string, Shape>
        {
            ["output_norm.weight"] = new(LayerTensor.HeadNorm, 1, spec.Dim),
            [head] = new(LayerTensor.Head, spec.VocabularySize, spec.Dim),
        };
        var headTensors = headShapes.Keys.Select(file.FindTensor).OfType<GgufTensor>().ToList();
        layers[^1] = Build(file, "output", "", headTensors, headShapes, isSupported);
        return layers;
    }

    static LayerLayout Build(
        GgufFile file, string name, string prefix, List<GgufTensor> tensors, Dictionary<string, Shape> shapes, Func<TensorType, bool> isSupported)
    {
        var layer = new LayerLayout(name, new(tensors));
        foreach (var (suffix, shape) in shapes)
        {
            if (tensors.Find(t => t.Name.AsSpan(prefix.Length).SequenceEqual(suffix)) is not { } tensor)
            {
                if (shape.IsOptional)
                {
                    continue;
                }

                throw GgufException.Invalid(file.Path, 0, $"tensor '{prefix}{suffix}' is missing");
            }

            if (tensor.Columns != shape.Columns || tensor.Rows != shape.Rows)
            {
                throw GgufException.Invalid(
                    file.Path, tensor.Offset,
                    $"tensor '{tensor.Name}' has shape [{tensor.Columns}, {tensor.Rows}], expected [{shape.Columns}, {shape.Rows}]");
            }

            // Norm gains and biases are vectors; every converter keeps them in F32, and the kernels rely on it.
            if (shape.Rows == 1 ? tensor.Type != TensorType.F32 : !isSupported(tensor.Type))
            {
                throw ModelException.TensorTypeUnsupported(file.Path, tensor.Name, tensor.Type);
            }

            layer._weights[(int)shape.Tensor] = new((nint)layer.Extents.OffsetOf(tensor.Name), tensor.Type, shape.Rows, shape.Columns);
        }

        return layer;
    }

    static Dictionary<string, Shape> BlockShapes(ModelSpec s) => new()
    {
        ["attn_norm.weight"] = new(LayerTensor.AttentionNorm, 1, s.Dim),
        ["attn_q.weight"] = new(LayerTensor.Q, s.QueryDim, s.Dim),
        ["attn_k.weight"] = new(LayerTensor.K, s.KvDim, s.Dim),
        ["attn_v.weight"] = new(LayerTensor.V, s.KvDim, s.Dim),
        ["attn_output.weight"] = new(LayerTensor.Output, s.Dim, s.QueryDim),
        ["attn_q.bias"] = new(LayerTensor.QBias, 1, s.QueryDim, IsOptional: true),
        ["attn_k.bias"] = new(LayerTensor.KBias, 1, s.KvDim, IsOptional: true),
        ["attn_v.bias"] = new(LayerTensor.VBias, 1, s.KvDim, IsOptional: true),
        ["attn_output.bias"] = new(LayerTensor.OutputBias, 1, s.Dim, IsOptional: true),
        ["attn_q_norm.weight"] = new(LayerTensor.QNorm, 1, s.HeadDim, IsOptional: true),
        ["attn_k_norm.weight"] = new(LayerTensor.KNorm, 1, s.HeadDim, IsOptional: true),
        ["ffn_norm.weight"] = new(LayerTensor.FfnNorm, 1, s.Dim),
        ["ffn_gate.weight"] = new(LayerTensor.Gate, s.FfnDim, s.Dim),
        ["ffn_up.weight"] = new(LayerTensor.Up, s.FfnDim, s.Dim),
        ["ffn_down.weight"] = new(LayerTensor.Down, s.Dim, s.FfnDim),
    };

    readonly record struct Shape(LayerTensor Tensor, int Rows, int Columns, bool IsOptional = false);
}

/// <summary>A layer's weights in device memory.</summary>
public readonly ref struct LayerWeights(LayerLayout layout, nint address)
{
    /// <summary>The tensor, or one that is not present (<see cref="Weight.IsPresent"/>).</summary>
    public Weight this[LayerTensor tensor] => layout[tensor] is { Rows: > 0 } weight
        ? weight with { Address = address + weight.Address }
        : default;
}
