namespace NvStream.Compute.Cuda;

/// <summary>A kernel that makes rows and their encodings in the three shapes of Encode.cuh, and the choice among them.</summary>
internal sealed class RowEncoding(KernelFunction columns, KernelFunction row, int rowThreads, KernelFunction any)
{
    const int ColumnThreads = 256;
    const int AnyThreads = 512;

    /// <summary>float4 values a thread of the row kernel holds (write_row's vectors).</summary>
    const int RowVectors = 8;

    /// <summary>Puts the kernel for the shape on the stream: a grid of rows, by blocks of columns where rows may be split.</summary>
    public void Launch<TArguments>(KernelLauncher launcher, int rows, int width, in Encoded encoded, in TArguments arguments)
        where TArguments : unmanaged
    {
        if (width % 4 != 0 || (encoded.Halves != 0 && width > 4 * RowVectors * rowThreads))
        {
            launcher.Launch(any, (rows, 1, 1), AnyThreads, 0, arguments);
        }
        else if (encoded.Halves != 0)
        {
            // Halves are scaled by the row's largest magnitude: a block must see the row.
            launcher.Launch(row, (rows, 1, 1), rowThreads, 0, arguments);
        }
        else
        {
            const int blockColumns = 4 * ColumnThreads;
            launcher.Launch(columns, (rows, (width + blockColumns - 1) / blockColumns, 1), ColumnThreads, 0, arguments);
        }
    }

    /// <summary>What is wanted, less the quants of rows that are no whole number of groups.</summary>
    public static Encoded Of(in Encoded encoded, int columns) =>
        columns % 32 == 0 ? encoded : encoded with { Quants = 0, Scales = 0 };
}
