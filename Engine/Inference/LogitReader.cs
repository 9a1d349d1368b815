using System.Runtime.InteropServices;
using NvStream.Compute;

namespace NvStream.Inference;

/// <summary>
/// What comes back from a pass: of every row of logits the largest few, and all of a row only where the choice of a token
/// needs them. Its buffers serve pass after pass.
/// </summary>
/// <param name="rows">Most rows of a pass.</param>
/// <param name="vocabularySize">Tokens that may be chosen: the first columns of the logits.</param>
sealed class LogitReader(IComputeDevice device, int rows, int vocabularySize)
{
    readonly int[] _ids = new int[rows * Math.Min(Sampler.MostCandidates, vocabularySize)];
    readonly float[] _values = new float[rows * Math.Min(Sampler.MostCandidates, vocabularySize)];
    readonly float[] _all = new float[vocabularySize];
    Matrix _logits;
    int _kept;

    /// <summary>Waits for the pass that has been issued.</summary>
    /// <param name="logits">Its logits; where it has none, any device memory of a few bytes.</param>
    /// <param name="candidates">Largest logits wanted of each row; 0 where no row wants them.</param>
    public void Await(Matrix logits, int candidates)
    {
        _logits = logits;
        _kept = Math.Min(candidates, vocabularySize);
        if (logits.Rows > 0 && _kept > 0)
        {
            device.TopK(logits, vocabularySize, _kept, _ids.AsSpan(0, logits.Rows * _kept), _values.AsSpan(0, logits.Rows * _kept));
        }
        else
        {
            // Also after a part of a prompt: what runs ahead for many passes could not be cancelled.
            device.Read(logits.Address, MemoryMarshal.AsBytes(_all.AsSpan(0, 1)));
        }
    }

    /// <summary>A row's largest logits, largest first: their tokens.</summary>
    public ReadOnlySpan<int> Ids(int row) => _ids.AsSpan(row * _kept, _kept);

    /// <summary>The logits of <see cref="Ids"/>.</summary>
    public ReadOnlySpan<float> Values(int row) => _values.AsSpan(row * _kept, _kept);

    /// <summary>A row's logits, whole; the caller's to change until the next call.</summary>
    public Span<float> All(int row)
    {
        device.Read(_logits.Address + (nint)((long)row * _logits.Columns * sizeof(float)), MemoryMarshal.AsBytes(_all.AsSpan()));
        return _all;
    }
}
