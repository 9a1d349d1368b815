namespace NvStream.Gguf;

/// <summary>
/// A small generator whose sequence is fixed by its seed for ever, which System.Random's is not
/// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
/// </summary>
struct SplitMix64(ulong seed)
{
    ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 to <paramref name="bound"/> - 1; the bias is under bound / 2^32.</summary>
    public int Next(int bound) => (int)((Next() >> 32) * (ulong)bound >> 32);

    /// <summary>Uniform in [-1, 1).</summary>
    public float NextSigned() => ((int)(Next() >> 32)) * (1f / (1L << 31));

    public void Fill(Span<byte> destination)
    {
        for (; destination.Length >= 8; destination = destination[8..])
        {
            BitConverter.TryWriteBytes(destination, Next());
        }

        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = (byte)Next();
        }
    }
}
