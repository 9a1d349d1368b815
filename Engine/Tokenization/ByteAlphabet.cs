using System.Buffers;
using System.Text;

namespace NvStream.Tokenization;

/// <summary>
/// The printable stand-ins that byte-level BPE writes bytes with (GPT-2's bytes_to_unicode): printable Latin-1 stands
/// for itself, the other 68 bytes for U+0100 and up in order, so that a space is 'Ġ'.
/// </summary>
static class ByteAlphabet
{
    const int Unassigned = -1;
    const int FirstStandIn = 0x100;

    static readonly char[] Characters = new char[256];
    static readonly short[] Bytes = new short[FirstStandIn + 68];

    static ByteAlphabet()
    {
        Array.Fill(Bytes, (short)Unassigned);
        var next = FirstStandIn;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            Characters[value] = (char)(printable ? value : next++);
            Bytes[Characters[value]] = (short)value;
        }
    }

    /// <summary>The byte that this code point stands for, or -1.</summary>
    public static int ByteOf(int codePoint) => (uint)codePoint < (uint)Bytes.Length ? Bytes[codePoint] : Unassigned;

    /// <summary>Writes the UTF-8 of each byte's stand-in, at most two bytes for one; the number written.</summary>
    public static int Encode(ReadOnlySpan<byte> bytes, Span<byte> utf8)
    {
        var written = 0;
        foreach (var value in bytes)
        {
            var character = Characters[value];
            if (character < 0x80)
            {
                utf8[written++] = (byte)character;
            }
            else
            {
                utf8[written++] = (byte)(0xC0 | (character >> 6));
                utf8[written++] = (byte)(0x80 | (character & 0x3F));
            }
        }

        return written;
    }

    /// <summary>
    /// Writes the bytes that a token's text stands for; what is no stand-in is kept as it is. The number written, at
    /// most the text's length.
    /// </summary>
    public static int Decode(ReadOnlySpan<byte> utf8, Span<byte> bytes)
    {
        var written = 0;
        while (!utf8.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(utf8, out var rune, out var consumed);
            var value = status == OperationStatus.Done ? ByteOf(rune.Value) : Unassigned;
            if (value >= 0)
            {
                bytes[written++] = (byte)value;
            }
            else
            {
                utf8[..consumed].CopyTo(bytes[written..]);
                written += consumed;
            }

            utf8 = utf8[consumed..];
        }

        return written;
    }
}
