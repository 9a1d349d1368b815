namespace NvStream.Compute.Cuda;

/// <summary>A kernel that makes rows and their encodings in the shapes of Encode.cuh, and the choice among them.</summary>
/// <param name="columns">Rows split over columns: no halves.</param>
/// <param name="any">A block a row: any columns, any encodings.</param>
/// <param name="row">The same, faster, for columns that are a multiple of 4 and fit; where there is one.</param>
/// <param name="rowThreads">Threads of <paramref name="row"/>'s block.</param>
internal sealed class RowEncoding(KernelFunction columns, KernelFunction any, KernelFunction? row = null, int rowThreads = 0)
{
    const int ColumnThreads = 256;
    const int AnyThreads = 512;

    /// <summary>float4 values a thread of the row kernel holds (write_row's vectors).</summary>
    const int RowVectors = 8;

    /// <summary>Puts the kernel for the shape on the stream: a grid of rows, by blocks of columns where rows may be split.</summary>
    public void Launch<TArguments>(KernelLauncher launcher, int rows, int width, in Encoded encoded, in TArguments arguments)
        where TArguments : unmanaged
    {
        // Halves are scaled by the row's largest magnitude: a block must see the row.
        if (width % 4 == 0 && encoded.Halves == 0)
        {
            const int blockColumns = 4 * ColumnThreads;
            launcher.Launch(columns, (rows, (width + blockColumns - 1) / blockColumns, 1), ColumnThreads, 0, arguments);
        }
        else if (width % 4 == 0 && row is { } kernel && width <= 4 * RowVectors * rowThreads)
        {
            launcher.Launch(kernel, (rows, 1, 1), rowThreads, 0, arguments);
        }
        else
        {
            launcher.Launch(any, (rows, 1, 1), AnyThreads, 0, arguments);
        }
    }

    /// <summary>What is wanted, less the quants of rows that are no whole number of groups.</summary>
    public static Encoded Of(in Encoded encoded, int columns) =>
        columns % 32 == 0 ? encoded : encoded with { Quants = 0, Scales = 0 };
}
