using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace NvStream.Gguf;

/// <summary>
/// A bounds-checked walk over a header's bytes. Every length and count that the file states is held against the bytes
/// left before anything is allocated for it.
/// </summary>
/// <param name="path">For error messages.</param>
/// <param name="window">The file's first bytes; a header has to lie in them.</param>
/// <param name="fileLength">The file's length, which may be more than the window.</param>
ref struct GgufCursor(string path, ReadOnlySpan<byte> window, long fileLength)
{
    /// <summary>The longest key the format allows.</summary>
    const int MaxKeyBytes = 65535;

    readonly ReadOnlySpan<byte> _window = window;
    readonly long _fileLength = fileLength;

    public string Path { get; } = path;

    public int Position { get; private set; }

    /// <exception cref="GgufException">GgufTruncated, or GgufInvalid where the header leaves the window.</exception>
    public ReadOnlySpan<byte> Take(long bytes)
    {
        if (bytes > _window.Length - Position)
        {
            throw bytes > _fileLength - Position
                ? GgufException.Truncated(Path, Position, bytes, _fileLength)
                : Invalid($"the header is longer than {_window.Length} bytes");
        }

        var taken = _window.Slice(Position, (int)bytes);
        Position += (int)bytes;
        return taken;
    }

    public byte ReadByte() => Take(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>A byte that must be 0 or 1.</summary>
    public bool ReadBoolean()
    {
        var value = ReadByte();
        return value <= 1 ? value == 1 : throw InvalidAt(Position - 1, $"a bool is {value}, expected 0 or 1");
    }

    /// <summary>A 64-bit count of things that take at least <paramref name="minimumBytes"/> each.</summary>
    /// <param name="what">What is counted, in the plural, for error messages.</param>
    public int ReadCount(int minimumBytes, string what)
    {
        var start = Position;
        var count = ReadUInt64();
        if (count > int.MaxValue)
        {
            throw InvalidAt(start, $"it states {count} {what}");
        }

        var needed = (long)count * minimumBytes;
        if (needed > _window.Length - Position)
        {
            throw needed > _fileLength - Position
                ? GgufException.Truncated(Path, Position, needed, _fileLength)
                : InvalidAt(start, $"it states {count} {what}, more than {_window.Length} bytes of header");
        }

        return (int)count;
    }

    /// <summary>A length and that many bytes.</summary>
    public ReadOnlySpan<byte> ReadUtf8()
    {
        var start = Position;
        var length = ReadUInt64();
        return length <= int.MaxValue
            ? Take((long)length)
            : throw InvalidAt(start, $"a string's length is {length}");
    }

    /// <summary>A string value; bytes that are not UTF-8 become U+FFFD.</summary>
    public string ReadString() => Encoding.UTF8.GetString(ReadUtf8());

    /// <summary>A key or a tensor's name: valid UTF-8 of 1 to 65535 bytes.</summary>
    public string ReadName(string what)
    {
        var start = Position;
        var length = ReadUInt64();
        if (length is 0 or > MaxKeyBytes)
        {
            throw InvalidAt(start, $"{what} is {length} bytes long, expected 1 to {MaxKeyBytes}");
        }

        var utf8 = Take((long)length);
        return Utf8.IsValid(utf8)
            ? Encoding.UTF8.GetString(utf8)
            : throw InvalidAt(start, $"{what} is not valid UTF-8: '{Encoding.UTF8.GetString(utf8)}'");
    }

    /// <param name="count">From <see cref="ReadCount"/>.</param>
    public T[] ReadArray<T>(int count)
        where T : unmanaged
    {
        var source = Take((long)count * Marshal.SizeOf<T>());
        // A hole of a sparse file reads as a great many empty arrays: they must not cost an object each.
        T[] values = count == 0 ? [] : new T[count];
        source.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <param name="count">From <see cref="ReadCount"/>.</param>
    public bool[] ReadBooleans(int count)
    {
        var values = new bool[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = ReadBoolean();
        }

        return values;
    }

    /// <param name="count">From <see cref="ReadCount"/>.</param>
    public GgufStringArray ReadStrings(int count)
    {
        var start = Position;
        var total = 0;
        for (var i = 0; i < count; i++)
        {
            // Cannot overflow: the strings lie in the window.
            total += ReadUtf8().Length;
        }

        Position = start;
        var utf8 = new byte[total];
        var offsets = new int[count + 1];
        for (var i = 0; i < count; i++)
        {
            var text = ReadUtf8();
            text.CopyTo(utf8.AsSpan(offsets[i]));
            offsets[i + 1] = offsets[i] + text.Length;
        }

        return new GgufStringArray(utf8, offsets);
    }

    public readonly GgufException Invalid(string what) => InvalidAt(Position, what);

    public readonly GgufException InvalidAt(long offset, string what) => GgufException.Invalid(Path, offset, what);
}
