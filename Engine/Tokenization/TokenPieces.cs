using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>The bytes that each token adds to a text, back to back, filled in order of ids.</summary>
sealed class TokenPieces
{
    readonly byte[] _bytes;
    readonly int[] _offsets;
    int _filled;

    /// <param name="texts">The tokens; a piece is never longer than its token's text.</param>
    public TokenPieces(GgufStringArray texts)
    {
        var total = 0;
        for (var id = 0; id < texts.Count; id++)
        {
            total = checked(total + texts.Utf8(id).Length);
        }

        _bytes = new byte[total];
        _offsets = new int[texts.Count + 1];
    }

    public int Count => _offsets.Length - 1;

    public ReadOnlySpan<byte> this[int id] => _bytes.AsSpan(_offsets[id].._offsets[id + 1]);

    /// <summary>Room for the next piece.</summary>
    public Span<byte> Free => _bytes.AsSpan(_offsets[_filled]);

    /// <summary>Ends the next piece after this many bytes of <see cref="Free"/>.</summary>
    public void Complete(int length)
    {
        _offsets[_filled + 1] = _offsets[_filled] + length;
        _filled++;
    }

    /// <summary>The next piece is these bytes.</summary>
    public void Add(ReadOnlySpan<byte> piece)
    {
        piece.CopyTo(Free);
        Complete(piece.Length);
    }

    /// <summary>The byte that a token's text &lt;0xXX&gt; names, or -1.</summary>
    public static int ByteOf(ReadOnlySpan<byte> text) =>
        text.Length == 6 && text.StartsWith("<0x"u8) && text[5] == '>'
        && byte.TryParse(text[3..5], System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value)
            ? value
            : -1;
}
