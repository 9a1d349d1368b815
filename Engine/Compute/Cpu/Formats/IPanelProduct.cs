namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of a group of 256 weights of several rows with many activation rows. The weights are first packed to a panel
/// that fits the first cache level: unpacked and interleaved so that a vector holds four weights of every row, which
/// activations multiply as they are. The same bits as <see cref="IGroupProduct"/> gives, whose operations on floats these are.
/// </summary>
internal unsafe interface IPanelProduct
{
    /// <summary>Weight rows of a panel, a multiple of eight; 0 where there are no panels.</summary>
    static abstract int Rows { get; }

    /// <summary>Bytes of a panel, a multiple of 64.</summary>
    static abstract int Bytes { get; }

    /// <param name="rows">Each row's group.</param>
    /// <param name="unpacked">Scratch for eight unpacked groups.</param>
    static abstract void Pack(byte** rows, byte* panel, byte* unpacked);

    /// <summary>Adds the products with <paramref name="count"/> activation rows to so many vectors of a lane a weight row.</summary>
    static abstract void Add(float* sums, byte* panel, byte* activations, long activationStride, int count);
}

/// <summary>None: rows are multiplied one by one.</summary>
internal readonly unsafe struct NoPanel : IPanelProduct
{
    public static int Rows => 0;

    public static int Bytes => 0;

    public static void Pack(byte** rows, byte* panel, byte* unpacked)
    {
    }

    public static void Add(float* sums, byte* panel, byte* activations, long activationStride, int count)
    {
    }
}
