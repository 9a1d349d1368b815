using System.Buffers;
using System.Text;

namespace NvStream.Tokenization;

/// <summary>
/// Text from tokens as they come, for one sequence: what <see cref="Append"/> returns, put together, is what
/// <see cref="Tokenizer.Decode"/> makes of all tokens, and no piece of it ends within a character.
/// </summary>
public sealed class TokenDecoder
{
    const int StackBytes = 256;
    // The longest beginning of a character that can wait for its end.
    const int MaxPending = 3;

    readonly Tokenizer _tokenizer;
    readonly bool _showControl;
    readonly byte[] _pending = new byte[MaxPending];
    int _pendingCount;
    bool _atStart;

    internal TokenDecoder(Tokenizer tokenizer, bool showControl, bool atStart)
    {
        _tokenizer = tokenizer;
        _showControl = showControl;
        _atStart = atStart;
    }

    /// <summary>
    /// Takes the next token and returns the text that it completes, often empty. Bytes become U+FFFD as soon as nothing
    /// can make them valid any more. Allocates only for text that lies across tokens and for a token's first appearance.
    /// </summary>
    public string Append(int id)
    {
        var wasAtStart = _atStart;
        var piece = _tokenizer.Piece(id, _showControl, ref _atStart);
        if (piece.IsEmpty)
        {
            return string.Empty;
        }

        if (_pendingCount == 0 && !wasAtStart && _tokenizer.CachedText(id) is { } text)
        {
            return text;
        }

        var length = _pendingCount + piece.Length;
        if (length <= StackBytes)
        {
            return Complete(piece, stackalloc byte[length]);
        }

        var pooled = ArrayPool<byte>.Shared.Rent(length);
        text = Complete(piece, pooled.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(pooled);
        return text;
    }

    /// <summary>Ends the sequence: U+FFFD for a character that was left unfinished, else nothing.</summary>
    public string Flush()
    {
        var text = Encoding.UTF8.GetString(_pending, 0, _pendingCount);
        _pendingCount = 0;
        return text;
    }

    string Complete(ReadOnlySpan<byte> piece, Span<byte> bytes)
    {
        _pending.AsSpan(0, _pendingCount).CopyTo(bytes);
        piece.CopyTo(bytes[_pendingCount..]);
        _pendingCount = CountUnfinished(bytes);
        bytes[^_pendingCount..].CopyTo(_pending);
        return Encoding.UTF8.GetString(bytes[..^_pendingCount]);
    }

    /// <summary>How many bytes at the end begin a character that more bytes could finish.</summary>
    static int CountUnfinished(ReadOnlySpan<byte> bytes)
    {
        for (var count = 1; count <= Math.Min(MaxPending, bytes.Length); count++)
        {
            var isContinuation = (bytes[^count] & 0xC0) == 0x80;
            if (!isContinuation)
            {
                return Rune.DecodeFromUtf8(bytes[^count..], out _, out _) == OperationStatus.NeedMoreData ? count : 0;
            }
        }

        return 0;
    }
}
