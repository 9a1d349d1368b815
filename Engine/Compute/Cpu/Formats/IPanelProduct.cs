namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of a group of 256 weights of several rows with many activation rows. The weights are first packed to a panel
/// that fits the first cache level: unpacked and interleaved so that a vector holds four weights of every row, which
/// activations multiply as they are. The same bits as <see cref="IRowProduct"/> gives, whose operations on floats these are.
/// </summary>
internal unsafe interface IPanelProduct
{
    /// <summary>Weight rows of a panel, a multiple of eight; 0 where there are no panels.</summary>
    static abstract int Rows { get; }

    /// <summary>Floats from an activation row's sums to the next row's: eight vectors.</summary>
    static abstract int ActivationSums { get; }

    /// <summary>Bytes of a panel, a multiple of 64.</summary>
    static abstract int Bytes { get; }

    /// <param name="rows">Each row's group.</param>
    /// <param name="unpacked">Scratch for eight unpacked groups.</param>
    static abstract void Pack(byte** rows, byte* panel, byte* unpacked);

    /// <summary>Adds the products with four activation rows to their sums.</summary>
    /// <param name="sums">Of each activation row eight vectors of a lane a weight row.</param>
    /// <param name="group">The group's index in the row.</param>
    static abstract void Add4(float* sums, byte* panel, int group, byte* activations, long activationStride);

    /// <summary>The same with one activation row.</summary>
    static abstract void Add1(float* sums, byte* panel, int group, byte* activations);

    /// <summary>The results of one activation row, of its eight vectors of sums: written over the first.</summary>
    static abstract void Finish(float* sums);
}

/// <summary>None: rows are multiplied one by one.</summary>
internal readonly unsafe struct NoPanel : IPanelProduct
{
    public static int Rows => 0;

    public static int ActivationSums => 0;

    public static int Bytes => 0;

    public static void Pack(byte** rows, byte* panel, byte* unpacked)
    {
    }

    public static void Add4(float* sums, byte* panel, int group, byte* activations, long activationStride)
    {
    }

    public static void Add1(float* sums, byte* panel, int group, byte* activations)
    {
    }

    public static void Finish(float* sums)
    {
    }
}
