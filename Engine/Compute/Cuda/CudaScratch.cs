namespace NvStream.Compute.Cuda;

/// <summary>The device's scratch memory, by name.</summary>
internal sealed class CudaScratch(DeviceMemory memory, ScratchLayout layout) : IDisposable
{
    public ScratchLayout Layout => layout;

    public nint LogitRows => At(layout.LogitRows);

    public nint RowStates => At(layout.RowStates);

    public nint Tiles => At(layout.Tiles);

    /// <summary>What attention and top-k need for themselves.</summary>
    public nint Work => At(layout.Work);

    /// <summary>Columns of the largest values; the values follow.</summary>
    public nint TopK => At(layout.TopK);

    /// <summary>Where encoded embedding rows are put; takes <see cref="ScratchLayout.EncodingBytes"/>.</summary>
    public nint EmbeddingRows => At(0);

    /// <summary>Where a matrix's encodings go.</summary>
    /// <param name="quantRows">Leading rows that are quantized; none where columns are no whole number of groups.</param>
    public Encoded Encodings(int columns, int quantRows, bool halves)
    {
        var quants = quantRows > 0 && columns % ScratchLayout.QuantGroup == 0;
        return new(
            quants ? At(layout.Quants) : 0, quants ? At(layout.Scales) : 0,
            halves ? At(layout.Halves) : 0, halves ? At(layout.RowScales) : 0, quants ? quantRows : 0);
    }

    public bool Fits(int rows, int columns) => rows <= layout.MaxRows && columns <= layout.MaxColumns;

    public void Dispose() => memory.Dispose();

    nint At(long offset) => memory.Address + (nint)offset;
}
