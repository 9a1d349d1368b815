using System.Buffers.Binary;
using System.Numerics;

namespace NvStream.Gguf;

/// <summary>What one file's header says. Holds nothing of the bytes it was read from.</summary>
sealed record GgufHeader(uint Version, GgufMetadata Metadata, IReadOnlyList<GgufTensor> Tensors);

/// <summary>
/// Reads a header (little-endian GGUF version 2 or 3; ggml/docs/gguf.md): magic, version, tensor count, key count,
/// the key-value pairs, the tensor infos, and, aligned, the data.
/// </summary>
static class GgufParser
{
    /// <summary>"GGUF" as a little-endian number.</summary>
    public const uint Magic = 0x46554747;

    public const int MaxDimensions = 4;
    public const int DefaultAlignment = 32;

    /// <summary>16 MiB, beyond anything in use: the padding of a header stays bounded.</summary>
    public const int MaxAlignment = 1 << 24;

    const int MaxArrayDepth = 8;

    /// <summary>Length of name, a byte of name, type and a byte of value.</summary>
    const int MinPairBytes = 8 + 1 + 4 + 1;

    /// <summary>Length of name, a byte of name, number of dimensions, one dimension, type and offset.</summary>
    const int MinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

    /// <param name="path">For error messages.</param>
    /// <param name="window">The file's first bytes, all of them or as many as a header may have.</param>
    /// <param name="fileLength">The file's length: tensors must lie inside it.</param>
    /// <param name="shard">The index that tensors get.</param>
    public static GgufHeader Parse(string path, ReadOnlySpan<byte> window, long fileLength, int shard = 0)
    {
        var cursor = new GgufCursor(path, window, fileLength);
        var version = ReadVersion(ref cursor, window);
        var tensorCount = cursor.ReadCount(MinTensorBytes, "tensors");
        var pairCount = cursor.ReadCount(MinPairBytes, "metadata keys");
        var metadata = ReadMetadata(ref cursor, pairCount);
        var alignment = ReadAlignment(path, metadata);
        var tensors = ReadTensors(ref cursor, tensorCount, shard, alignment, fileLength);
        RefuseOverlap(path, tensors);
        return new GgufHeader(version, metadata, tensors);
    }

    static uint ReadVersion(ref GgufCursor cursor, ReadOnlySpan<byte> window)
    {
        if (window.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(window) != Magic)
        {
            throw cursor.Invalid(ForeignFormat.Describe(window) is { } format
                ? $"it looks like {format}"
                : $"it begins with {Convert.ToHexString(window[..4])}, expected 47475546 (\"GGUF\")");
        }

        _ = cursor.Take(4);
        var version = cursor.ReadUInt32();
        return version switch
        {
            2 or 3 => version,
            1 => throw GgufException.VersionUnsupported(cursor.Path, 1, "its lengths have 32 bits; 2 and 3 are read"),
            > 0 when (version & 0xFFFF) == 0 => throw GgufException.VersionUnsupported(
                cursor.Path, BinaryPrimitives.ReverseEndianness(version), "the file is big-endian"),
            _ => throw GgufException.VersionUnsupported(cursor.Path, version, "2 and 3 are read"),
        };
    }

    static GgufMetadata ReadMetadata(ref GgufCursor cursor, int count)
    {
        var metadata = new GgufMetadata(cursor.Path);
        for (var i = 0; i < count; i++)
        {
            var start = cursor.Position;
            var key = cursor.ReadName("a metadata key");
            var type = ReadType(ref cursor, key);
            var offset = cursor.Position;
            if (!metadata.TryAdd(key, ReadValue(ref cursor, key, type, 0), offset))
            {
                throw cursor.InvalidAt(start, $"metadata '{key}' is there twice");
            }
        }

        return metadata;
    }

    static GgufValueType ReadType(ref GgufCursor cursor, string key)
    {
        var number = cursor.ReadUInt32();
        return number <= (uint)GgufValueType.Float64
            ? (GgufValueType)number
            : throw cursor.InvalidAt(cursor.Position - 4, $"metadata '{key}' has type {number}, expected 0 to 12");
    }

    static object ReadValue(ref GgufCursor cursor, string key, GgufValueType type, int depth) => type switch
    {
        GgufValueType.UInt8 => cursor.ReadByte(),
        GgufValueType.Int8 => (sbyte)cursor.ReadByte(),
        GgufValueType.UInt16 => cursor.ReadUInt16(),
        GgufValueType.Int16 => (short)cursor.ReadUInt16(),
        GgufValueType.UInt32 => cursor.ReadUInt32(),
        GgufValueType.Int32 => (int)cursor.ReadUInt32(),
        GgufValueType.UInt64 => cursor.ReadUInt64(),
        GgufValueType.Int64 => (long)cursor.ReadUInt64(),
        GgufValueType.Float32 => BitConverter.UInt32BitsToSingle(cursor.ReadUInt32()),
        GgufValueType.Float64 => BitConverter.UInt64BitsToDouble(cursor.ReadUInt64()),
        GgufValueType.Bool => cursor.ReadBoolean(),
        GgufValueType.String => cursor.ReadString(),
        _ => ReadArray(ref cursor, key, depth + 1),
    };

    static object ReadArray(ref GgufCursor cursor, string key, int depth)
    {
        if (depth > MaxArrayDepth)
        {
            throw cursor.Invalid($"metadata '{key}' nests arrays more than {MaxArrayDepth} deep");
        }

        var type = ReadType(ref cursor, key);
        var count = cursor.ReadCount(GgufValueTypes.MinimumBytes(type), $"elements in metadata '{key}'");
        switch (type)
        {
            case GgufValueType.UInt8: return cursor.ReadArray<byte>(count);
            case GgufValueType.Int8: return cursor.ReadArray<sbyte>(count);
            case GgufValueType.UInt16: return cursor.ReadArray<ushort>(count);
            case GgufValueType.Int16: return cursor.ReadArray<short>(count);
            case GgufValueType.UInt32: return cursor.ReadArray<uint>(count);
            case GgufValueType.Int32: return cursor.ReadArray<int>(count);
            case GgufValueType.UInt64: return cursor.ReadArray<ulong>(count);
            case GgufValueType.Int64: return cursor.ReadArray<long>(count);
            case GgufValueType.Float32: return cursor.ReadArray<float>(count);
            case GgufValueType.Float64: return cursor.ReadArray<double>(count);
            case GgufValueType.Bool: return cursor.ReadBooleans(count);
            case GgufValueType.String: return cursor.ReadStrings(count);
        }

        var arrays = new object[count];
        for (var i = 0; i < count; i++)
        {
            arrays[i] = ReadArray(ref cursor, key, depth + 1);
        }

        return arrays;
    }

    static int ReadAlignment(string path, GgufMetadata metadata)
    {
        var alignment = metadata.GetInt32("general.alignment", DefaultAlignment);
        return alignment is >= 8 and <= MaxAlignment && BitOperations.IsPow2(alignment)
            ? alignment
            : throw GgufException.Invalid(
                path, $"general.alignment is {alignment}, expected a power of two from 8 to {MaxAlignment}");
    }

    static GgufTensor[] ReadTensors(ref GgufCursor cursor, int count, int shard, int alignment, long fileLength)
    {
        // First with offsets as stated, relative to the data, whose start is known only behind the last info.
        var tensors = new GgufTensor[count];
        var names = new HashSet<string>();
        var starts = new int[count];
        for (var i = 0; i < count; i++)
        {
            starts[i] = cursor.Position;
            tensors[i] = ReadTensor(ref cursor, shard, alignment);
            if (!names.Add(tensors[i].Name))
            {
                throw cursor.InvalidAt(starts[i], $"tensor '{tensors[i].Name}' is there twice");
            }
        }

        var data = (cursor.Position + (long)alignment - 1) & -alignment;
        for (var i = 0; i < count; i++)
        {
            var tensor = tensors[i];
            if (tensor.Offset > long.MaxValue - data)
            {
                throw cursor.InvalidAt(starts[i], $"tensor '{tensor.Name}' is at data offset {tensor.Offset}");
            }

            var offset = data + tensor.Offset;
            if (tensor.Bytes > fileLength - offset)
            {
                throw GgufException.Truncated(cursor.Path, offset, tensor.Bytes, fileLength);
            }

            tensors[i] = tensor with { Offset = offset };
        }

        return tensors;
    }

    static GgufTensor ReadTensor(ref GgufCursor cursor, int shard, int alignment)
    {
        var start = cursor.Position;
        var name = cursor.ReadName("a tensor's name");
        var shape = ReadShape(ref cursor, name);
        var typeNumber = cursor.ReadUInt32();
        var type = (TensorType)typeNumber;
        if (typeNumber > int.MaxValue || !TensorTypes.IsKnown(type))
        {
            throw cursor.InvalidAt(cursor.Position - 4, $"tensor '{name}' has the unknown type {typeNumber}");
        }

        if (shape[0] % TensorTypes.Block(type).Elements != 0)
        {
            throw cursor.InvalidAt(
                start, $"tensor '{name}' has rows of {shape[0]} elements, which are no whole {type} blocks");
        }

        var offset = cursor.ReadUInt64();
        if (offset > long.MaxValue || (long)offset % alignment != 0)
        {
            throw cursor.InvalidAt(
                cursor.Position - 8, $"tensor '{name}' is at data offset {offset}, expected a multiple of {alignment}");
        }

        // At most 2^31 * 2^31 elements of 8 bytes: the size still has to be checked for overflow.
        var elements = shape.Aggregate(1L, (product, size) => product * size);
        if (elements > long.MaxValue / 8)
        {
            throw cursor.InvalidAt(start, $"tensor '{name}' has {elements} elements");
        }

        return new GgufTensor(name, type, shape, shard, (long)offset, TensorTypes.BytesOf(type, elements));
    }

    static long[] ReadShape(ref GgufCursor cursor, string name)
    {
        var start = cursor.Position;
        var dimensions = cursor.ReadUInt32();
        if (dimensions is 0 or > MaxDimensions)
        {
            throw cursor.InvalidAt(
                start, $"tensor '{name}' has {dimensions} dimensions, expected 1 to {MaxDimensions}");
        }

        var shape = new long[dimensions];
        var rows = 1UL;
        for (var i = 0; i < shape.Length; i++)
        {
            var size = cursor.ReadUInt64();
            if (size is 0 or > int.MaxValue)
            {
                throw cursor.InvalidAt(
                    cursor.Position - 8, $"tensor '{name}' has size {size} in dimension {i}, expected 1 to 2^31-1");
            }

            rows *= i == 0 ? 1 : size;
            if (rows > int.MaxValue)
            {
                throw cursor.InvalidAt(start, $"tensor '{name}' has more than 2^31-1 rows");
            }

            shape[i] = (long)size;
        }

        return shape;
    }

    static void RefuseOverlap(string path, GgufTensor[] tensors)
    {
        var byOffset = (GgufTensor[])tensors.Clone();
        Array.Sort(byOffset, (a, b) => a.Offset.CompareTo(b.Offset));
        for (var i = 1; i < byOffset.Length; i++)
        {
            var (before, after) = (byOffset[i - 1], byOffset[i]);
            if (before.Offset + before.Bytes > after.Offset)
            {
                throw GgufException.Invalid(path, after.Offset, $"tensor '{after.Name}' overlaps '{before.Name}'");
            }
        }
    }
}
