namespace NvStream.Compute.Cuda;

/// <summary>What decoding rows of a matrix are read as: quants, float16, both, or plain float32 alone.</summary>
internal readonly record struct DecodeEncodings(bool Quants, bool Halves);

/// <summary>
/// What products have asked of each matrix so far, so that the operation that writes the matrix can encode it in the same
/// sweep. The first product of a matrix finds nothing and has it encoded; from then on it is known. Only time depends on
/// what is known here, no result does.
/// </summary>
internal sealed class EncodingDemand
{
    /// <summary>A model has a handful of such matrices; more come from callers that never repeat themselves.</summary>
    const int Most = 256;

    readonly Dictionary<(nint Address, int Columns), DecodeEncodings> demands = [];

    public void Learn(Matrix x, DecodeEncodings demand)
    {
        if (demands.TryGetValue((x.Address, x.Columns), out var known))
        {
            demand = new(known.Quants || demand.Quants, known.Halves || demand.Halves);
            if (demand == known)
            {
                return;
            }
        }
        else if (demands.Count == Most)
        {
            demands.Clear();
        }

        demands[(x.Address, x.Columns)] = demand;
    }

    /// <summary>Null for a matrix that no product has read.</summary>
    public DecodeEncodings? Of(Matrix y) => demands.TryGetValue((y.Address, y.Columns), out var demand) ? demand : null;

    public void Forget() => demands.Clear();
}
