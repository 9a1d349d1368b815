namespace NvStream.Gguf;

/// <summary>The type of a metadata value, numbered as in the file (gguf.h, enum gguf_type).</summary>
public enum GgufValueType
{
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Float32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Float64 = 12,
}

/// <summary>How metadata types, their sizes in the file and the CLR types of their values belong together.</summary>
static class GgufValueTypes
{
    /// <summary>
    /// The fewest bytes a value takes: its size, or for a string its length field, for an array type and count.
    /// 0 for a type number that is not known.
    /// </summary>
    public static int MinimumBytes(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Float64 => 8,
        GgufValueType.String => 8,
        GgufValueType.Array => 12,
        _ => 0,
    };

    /// <summary>The name of a value's type in error messages: "uint32", "string", "array of float32".</summary>
    public static string NameOf(object value) => value switch
    {
        byte => "uint8",
        sbyte => "int8",
        ushort => "uint16",
        short => "int16",
        uint => "uint32",
        int => "int32",
        ulong => "uint64",
        long => "int64",
        float => "float32",
        double => "float64",
        bool => "bool",
        string => "string",
        GgufStringArray => "array of string",
        object[] => "array of array",
        Array { Length: > 0 } array => "array of " + NameOf(array.GetValue(0)!),
        Array => "empty array",
        _ => value.GetType().Name,
    };
}
