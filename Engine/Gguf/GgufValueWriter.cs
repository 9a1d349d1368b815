using System.Runtime.InteropServices;
using System.Text;

namespace NvStream.Gguf;

/// <summary>Metadata values as the file has them.</summary>
static class GgufValueWriter
{
    /// <exception cref="ArgumentException">The format has no such type.</exception>
    public static GgufValueType TypeOf(object value) => value switch
    {
        byte => GgufValueType.UInt8,
        sbyte => GgufValueType.Int8,
        ushort => GgufValueType.UInt16,
        short => GgufValueType.Int16,
        uint => GgufValueType.UInt32,
        int => GgufValueType.Int32,
        ulong => GgufValueType.UInt64,
        long => GgufValueType.Int64,
        float => GgufValueType.Float32,
        double => GgufValueType.Float64,
        bool => GgufValueType.Bool,
        string => GgufValueType.String,
        Array or IReadOnlyList<string> when ElementTypeOf(value) is not null => GgufValueType.Array,
        _ => throw new ArgumentException($"metadata cannot hold a {value?.GetType().Name ?? "null"}", nameof(value)),
    };

    /// <summary>The type number, then the value.</summary>
    public static void WriteTyped(BinaryWriter output, object value)
    {
        output.Write((uint)TypeOf(value));
        WriteValue(output, value);
    }

    public static void WriteString(BinaryWriter output, string text)
    {
        output.Write((ulong)Encoding.UTF8.GetByteCount(text));
        output.Write(Encoding.UTF8.GetBytes(text));
    }

    static void WriteValue(BinaryWriter output, object value)
    {
        switch (value)
        {
            case byte x: output.Write(x); break;
            case sbyte x: output.Write(x); break;
            case ushort x: output.Write(x); break;
            case short x: output.Write(x); break;
            case uint x: output.Write(x); break;
            case int x: output.Write(x); break;
            case ulong x: output.Write(x); break;
            case long x: output.Write(x); break;
            case float x: output.Write(x); break;
            case double x: output.Write(x); break;
            case bool x: output.Write(x); break;
            case string x: WriteString(output, x); break;
            default: WriteArray(output, value); break;
        }
    }

    static void WriteArray(BinaryWriter output, object value)
    {
        output.Write((uint)ElementTypeOf(value)!);
        switch (value)
        {
            case GgufStringArray strings:
                output.Write((ulong)strings.Count);
                for (var i = 0; i < strings.Count; i++)
                {
                    output.Write((ulong)strings.Utf8(i).Length);
                    output.Write(strings.Utf8(i));
                }

                break;

            case IReadOnlyList<string> strings:
                output.Write((ulong)strings.Count);
                foreach (var text in strings)
                {
                    WriteString(output, text);
                }

                break;

            case object[] arrays:
                output.Write((ulong)arrays.Length);
                foreach (var array in arrays)
                {
                    WriteArray(output, array);
                }

                break;

            case Array numbers:
                output.Write((ulong)numbers.Length);
                output.Write(MemoryMarshal.CreateReadOnlySpan(
                    ref MemoryMarshal.GetArrayDataReference(numbers), Buffer.ByteLength(numbers)));
                break;
        }
    }

    /// <summary>The type of a list's elements, or null where the format has none.</summary>
    static GgufValueType? ElementTypeOf(object list)
    {
        if (list is IReadOnlyList<string>)
        {
            return GgufValueType.String;
        }

        if (list is object[] arrays)
        {
            return arrays.All(x => x is IReadOnlyList<string> or Array && ElementTypeOf(x) is not null)
                ? GgufValueType.Array
                : null;
        }

        var type = list.GetType().GetElementType();
        return type is { IsPrimitive: true } && type != typeof(char) && type != typeof(nint) && type != typeof(nuint)
            ? TypeOf(Activator.CreateInstance(type)!)
            : null;
    }
}
