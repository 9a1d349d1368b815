using NvStream.Models;

namespace NvStream.Streaming;

/// <summary>One way to split a model's layers among the tiers.</summary>
sealed class LayerSplit
{
    readonly IReadOnlyList<LayerLayout> _layers;

    /// <summary>The layers that are not resident, in order.</summary>
    readonly int[] _streamed;

    /// <summary>Spreads so many streamed layers evenly; all of them from storage.</summary>
    /// <param name="streamed">Streamed layers, the head not counted in.</param>
    public LayerSplit(IReadOnlyList<LayerLayout> layers, int streamed, bool isHeadStreamed)
    {
        var blocks = layers.Count - 1;
        _layers = layers;
        _streamed = new int[isHeadStreamed ? streamed + 1 : streamed];
        for (var i = 0; i < streamed; i++)
        {
            _streamed[i] = (int)((2L * i + 1) * blocks / (2L * streamed));
        }

        if (isHeadStreamed)
        {
            _streamed[^1] = blocks;
        }

        Tiers = new Tier[layers.Count];
        foreach (var layer in _streamed)
        {
            Tiers[layer] = Tier.Storage;
            SlotBytes = Math.Max(SlotBytes, layers[layer].Bytes);
        }
    }

    /// <summary>Tier of each layer.</summary>
    public Tier[] Tiers { get; }

    /// <summary>Bytes of the largest layer that is not resident.</summary>
    public long SlotBytes { get; }

    /// <summary>Where both tiers stream, storage reads a layer ahead of the slots.</summary>
    public long StagingBytes => BytesOf(Tier.Host) > 0 && BytesOf(Tier.Storage) > 0 ? SlotBytes : 0;

    public long BytesOf(Tier tier)
    {
        long bytes = 0;
        for (var i = 0; i < Tiers.Length; i++)
        {
            bytes += Tiers[i] == tier ? _layers[i].Bytes : 0;
        }

        return bytes;
    }

    public long DeviceBytes(int slots) => BytesOf(Tier.Device) + SlotBytes * slots;

    /// <summary>
    /// Gives as many streamed layers to host memory as it holds. Those left to storage are spread evenly, and the pass
    /// begins with one: it is read while the end of the pass before computes.
    /// </summary>
    public void MoveToHost(long budget)
    {
        for (var left = 0; left < _streamed.Length && budget > 0; left++)
        {
            foreach (var layer in _streamed)
            {
                Tiers[layer] = Tier.Host;
            }

            for (var i = 0; i < left; i++)
            {
                Tiers[_streamed[(int)((long)i * _streamed.Length / left)]] = Tier.Storage;
            }

            if (BytesOf(Tier.Host) + StagingBytes <= budget)
            {
                return;
            }
        }

        foreach (var layer in _streamed)
        {
            Tiers[layer] = Tier.Storage;
        }
    }

    public bool IsBetterThan(LayerSplit other) =>
        (BytesOf(Tier.Storage), BytesOf(Tier.Host)).CompareTo((other.BytesOf(Tier.Storage), other.BytesOf(Tier.Host))) < 0;
}
