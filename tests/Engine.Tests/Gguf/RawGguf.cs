using System.Text;
using NvStream.Gguf;

namespace NvStream.Tests.Gguf;

/// <summary>A GGUF written byte by byte, so that it can say what no writer would.</summary>
sealed class RawGguf
{
    readonly List<byte> _bytes = [];

    public RawGguf(ulong tensors, ulong keys, uint version = 3) => Raw("GGUF"u8).U32(version).U64(tensors).U64(keys);

    public RawGguf Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public RawGguf U32(uint value) => Raw(BitConverter.GetBytes(value));

    public RawGguf U64(ulong value) => Raw(BitConverter.GetBytes(value));

    public RawGguf Text(string text) => U64((ulong)Encoding.UTF8.GetByteCount(text)).Raw(Encoding.UTF8.GetBytes(text));

    public RawGguf Key(string key, GgufValueType type) => Text(key).U32((uint)type);

    public RawGguf Key(string key, uint value) => Key(key, GgufValueType.UInt32).U32(value);

    public RawGguf Tensor(string name, uint type, ulong offset, params ulong[] shape)
    {
        Text(name).U32((uint)shape.Length);
        foreach (var size in shape)
        {
            U64(size);
        }

        return U32(type).U64(offset);
    }

    /// <summary>Pads to 32 bytes and adds data.</summary>
    public RawGguf Data(int bytes)
    {
        var start = (_bytes.Count + 31) & -32;
        return Raw(new byte[start - _bytes.Count + bytes]);
    }

    public byte[] Bytes() => [.. _bytes];

    public GgufHeader Parse() => Parse(Bytes());

    public static GgufHeader Parse(byte[] bytes) => GgufParser.Parse("test.gguf", bytes, bytes.Length);
}
