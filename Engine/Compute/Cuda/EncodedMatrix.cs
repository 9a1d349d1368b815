namespace NvStream.Compute.Cuda;

/// <summary>Which matrix the scratch holds the encodings of, and which of them.</summary>
internal struct EncodedMatrix
{
    nint address;
    int rows;
    int columns;
    int quantRows;
    bool hasHalves;

    /// <summary>Whether a product of these rows finds all that it reads; the order of quants depends on how many rows have them.</summary>
    /// <param name="wanted">The encodings that it reads.</param>
    public readonly bool Covers(Matrix x, in Encoded wanted) =>
        address != 0 && x.Address == address && x.Columns == columns && x.Rows <= rows
        && (wanted.Quants == 0 || wanted.DecodeRows == quantRows) && (wanted.Halves == 0 || hasHalves);

    public void Remember(Matrix x, in Encoded encoded)
    {
        this = default;
        if (encoded.Quants != 0 || encoded.Halves != 0)
        {
            (address, rows, columns) = (x.Address, x.Rows, x.Columns);
            quantRows = encoded.Quants != 0 ? encoded.DecodeRows : 0;
            hasHalves = encoded.Halves != 0;
        }
    }

    public void Forget() => this = default;

    /// <summary>Something was written there: encodings of what it was before are worth nothing.</summary>
    public void Wrote(nint start, long bytes)
    {
        if (address != 0 && start < address + (nint)((long)rows * columns * sizeof(float)) && address < start + (nint)bytes)
        {
            Forget();
        }
    }

    public void Wrote(Matrix y) => Wrote(y.Address, (long)y.Rows * y.Columns * sizeof(float));
}
