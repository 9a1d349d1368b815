namespace NvStream.Compute.Cuda;

/// <summary>A loaded kernel.</summary>
/// <param name="Handle">CUfunction.</param>
/// <param name="Name">As in the source, for error messages.</param>
internal readonly record struct KernelFunction(nint Handle, string Name);

/// <summary>
/// What an operation needs to put its kernels on the compute stream. Every kernel takes one struct by value, so that
/// its arguments have names on both sides.
/// </summary>
internal abstract class KernelLauncher
{
    /// <summary>Streaming multiprocessors.</summary>
    public abstract int Multiprocessors { get; }

    /// <summary>Compute capability as in sm_90: 90.</summary>
    public abstract int Architecture { get; }

    /// <summary>A kernel of a module ("Attention", "attention_decode_128"); looked up once and kept by the operation.</summary>
    public abstract KernelFunction Find(string module, string kernel);

    /// <summary>Puts a kernel on the compute stream and returns.</summary>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block; above 48 KiB it is opted into.</param>
    public abstract void Launch<TArguments>(
        KernelFunction kernel, (int X, int Y, int Z) grid, int threads, int sharedBytes, in TArguments arguments)
        where TArguments : unmanaged;
}

/// <summary>A row's place in its sequence, as kernels read it (RowState in Common.cuh).</summary>
/// <param name="Position">The row's token's position.</param>
/// <param name="FirstCell">The KV pool's cell of its sequence's position 0.</param>
internal readonly record struct RowState(int Position, int FirstCell);

/// <summary>
/// Where the encodings of a matrix go that products read (Encoded in Common.cuh); absent ones are not written.
/// Quants and their scales are made of the first DecodeRows rows, halves of all.
/// </summary>
/// <param name="Quants">int8, in the order of QuantLayout in Common.cuh, which depends on DecodeRows.</param>
/// <param name="Scales">Of every 32 columns: (scale, scale * sum of quants), likewise.</param>
/// <param name="Halves">float16 of x * 1 / RowScale, [row][column].</param>
/// <param name="RowScales">float32 [row], a power of two.</param>
internal readonly record struct Encoded(nint Quants, nint Scales, nint Halves, nint RowScales, int DecodeRows);
