using NvStream.Compute;

namespace NvStream.Models;

/// <summary>
/// What one pass over the weights carries: rows of any mix of sequences (prefill chunks, single tokens), each
/// sequence's rows together, those of decoding sequences first. Reused from pass to pass.
/// </summary>
public sealed class Pass(int maxRows, int maxSequences, int maxLogits)
{
    readonly int[] _tokens = new int[maxRows];
    readonly SequenceSpan[] _sequences = new SequenceSpan[maxSequences];
    readonly int[] _logitRows = new int[maxLogits];
    int _sequenceCount;
    int _logitCount;

    public int Rows { get; private set; }

    /// <summary>Rows of decoding sequences: the first ones.</summary>
    public int DecodeRows { get; private set; }

    public int FreeRows => _tokens.Length - Rows;

    public bool HasRoom => FreeRows > 0 && _sequenceCount < _sequences.Length;

    /// <summary>Token of each row.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Rows);

    public ReadOnlySpan<SequenceSpan> Sequences => _sequences.AsSpan(0, _sequenceCount);

    /// <summary>Rows whose logits are wanted, in rising order.</summary>
    public ReadOnlySpan<int> LogitRows => _logitRows.AsSpan(0, _logitCount);

    public void Clear() => Rows = DecodeRows = _sequenceCount = _logitCount = 0;

    /// <summary>Rows whose logits can still be wanted.</summary>
    public int FreeLogits => _logitRows.Length - _logitCount;

    /// <summary>Adds consecutive tokens of a sequence; returns the index of its first logits, or -1 where none are wanted.</summary>
    /// <param name="kvStart">The sequence's first cell in the KV pool.</param>
    /// <param name="firstPosition">Position of the first token in its sequence.</param>
    /// <param name="logits">After how many of the last of these tokens the next one is to be chosen.</param>
    /// <param name="isDecoding">Whether these are tokens that the sequence chose, or such as were proposed behind them; false for its prompt's.</param>
    /// <exception cref="InvalidOperationException">A decoding sequence comes after one that is not.</exception>
    public int Add(ReadOnlySpan<int> tokens, int kvStart, int firstPosition, int logits, bool isDecoding = false)
    {
        if (isDecoding && DecodeRows != Rows)
        {
            throw new InvalidOperationException("Decoding sequences come first in a pass.");
        }

        tokens.CopyTo(_tokens.AsSpan(Rows));
        _sequences[_sequenceCount++] = new(Rows, tokens.Length, kvStart, firstPosition, isDecoding);
        Rows += tokens.Length;
        if (isDecoding)
        {
            DecodeRows = Rows;
        }

        var first = _logitCount;
        for (var row = Rows - logits; row < Rows; row++)
        {
            _logitRows[_logitCount++] = row;
        }

        return logits == 0 ? -1 : first;
    }
}
