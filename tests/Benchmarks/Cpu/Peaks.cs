namespace NvStream.Benchmarks.Cpu;

/// <summary>What memory and arithmetic of the machine can do at most, measured again and again beside what is compared with it.</summary>
sealed class Peaks(ReadLoop loop, int threads)
{
    readonly List<double> _plain = [];
    readonly List<double> _ahead = [];
    readonly List<double> _bytes = [];
    readonly List<double> _floats = [];

    /// <summary>GB/s of the better way to read, by the medians of both.</summary>
    public double Read => Reads.Median;

    /// <summary>G multiply-adds/s of bytes; null where no instruction for them is known.</summary>
    public double? ByteProducts => _bytes.Count > 0 ? new Sample("", "", [.. _bytes]).Median : null;

    /// <summary>G multiply-adds/s of floats.</summary>
    public double FloatProducts => new Sample("", "", [.. _floats]).Median;

    Sample Reads
    {
        get
        {
            var plain = new Sample("read loop, plain", "GB/s", [.. _plain]);
            var ahead = new Sample($"read loop, prefetching {ReadLoop.Ahead} bytes ahead", "GB/s", [.. _ahead]);
            return _ahead.Count > 0 && ahead.Median > plain.Median ? ahead : plain;
        }
    }

    /// <summary>One value of each.</summary>
    public void Measure()
    {
        _plain.Add(loop.Measure(prefetches: false) / 1e9);
        if (ReadLoop.CanPrefetch)
        {
            _ahead.Add(loop.Measure(prefetches: true) / 1e9);
        }

        if (RegisterLoops.ByteProductsName is not null)
        {
            _bytes.Add(RegisterLoops.ByteProducts(threads) / 1e9);
        }

        _floats.Add(RegisterLoops.FloatProducts(threads) / 1e9);
    }

    /// <summary>Adds what was measured, and a line that says what counts.</summary>
    /// <param name="name">What it was measured beside, with a separator; may be empty.</param>
    public void AddTo(Section section, string name = "")
    {
        section.Add($"{name}read loop, plain", "GB/s", _plain);
        if (_ahead.Count > 0)
        {
            section.Add($"{name}read loop, prefetching {ReadLoop.Ahead} bytes ahead", "GB/s", _ahead);
        }

        var bytes = "products of bytes: no instruction known here";
        if (ByteProducts is { } rate)
        {
            section.Add($"{name}{RegisterLoops.ByteProductsName}, registers only", "G multiply-adds/s", _bytes);
            bytes = $"bytes {Table.Number(rate)} G multiply-adds/s ({RegisterLoops.ByteProductsName})";
        }

        section.Add($"{name}{RegisterLoops.FloatProductsName}, registers only", "G multiply-adds/s", _floats);
        section.Notes.Add($"{name}{Reads.Name}: {Table.Number(Read)} GB/s; registers only: {bytes}, floats {Table.Number(FloatProducts)} ({RegisterLoops.FloatProductsName})");
    }
}
