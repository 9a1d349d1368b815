using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace NvStream.Gguf;

/// <summary>
/// The key-value pairs of a GGUF header, in file order. A value is a bool, byte, sbyte, ushort, short, uint, int,
/// ulong, long, float, double or string; an array is the CLR array of one of these, a <see cref="GgufStringArray"/> for
/// strings, or an object[] of arrays. The typed getters take any integer width that holds the value, since
/// converters differ in the width they write, and throw <see cref="GgufException"/> (GgufInvalid) for another type.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "It is the file's word for what it holds.")]
public sealed class GgufMetadata : IReadOnlyDictionary<string, object>
{
    readonly Dictionary<string, object> _values = [];
    readonly Dictionary<string, long> _offsets = [];
    readonly string _path;

    internal GgufMetadata(string path) => _path = path;

    public int Count => _values.Count;

    public IEnumerable<string> Keys => _values.Keys;

    public IEnumerable<object> Values => _values.Values;

    public object this[string key] => _values[key];

    public bool ContainsKey(string key) => _values.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out object value) => _values.TryGetValue(key, out value);

    public string GetString(string key) => TryGetString(key, out var value) ? value : throw Missing(key, "a string");

    public string GetString(string key, string fallback) => TryGetString(key, out var value) ? value : fallback;

    /// <summary>False when the key is absent; another type than a string is an error.</summary>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value)
    {
        value = null;
        if (!_values.TryGetValue(key, out var found))
        {
            return false;
        }

        value = found as string ?? throw WrongType(key, found, "a string");
        return true;
    }

    public int GetInt32(string key) => TryGetInt32(key, out var value) ? value : throw Missing(key, "an integer");

    public int GetInt32(string key, int fallback) => TryGetInt32(key, out var value) ? value : fallback;

    /// <summary>False when the key is absent; a value that is not an integer, or too large for int32, is an error.</summary>
    public bool TryGetInt32(string key, out int value)
    {
        value = 0;
        if (!_values.TryGetValue(key, out var found))
        {
            return false;
        }

        if (!TryInteger(found, out var wide))
        {
            throw WrongType(key, found, "an integer");
        }

        if (wide < int.MinValue || wide > int.MaxValue)
        {
            throw Invalid(key, $"is {found}, which does not fit an int32");
        }

        value = (int)wide;
        return true;
    }

    public float GetSingle(string key) => TryGetSingle(key, out var value) ? value : throw Missing(key, "a number");

    public float GetSingle(string key, float fallback) => TryGetSingle(key, out var value) ? value : fallback;

    /// <summary>False when the key is absent; integers are taken too, anything else is an error.</summary>
    public bool TryGetSingle(string key, out float value)
    {
        value = 0;
        if (!_values.TryGetValue(key, out var found))
        {
            return false;
        }

        value = found switch
        {
            float single => single,
            double wide => (float)wide,
            _ => TryInteger(found, out var integer) ? (float)integer : throw WrongType(key, found, "a number"),
        };
        return true;
    }

    public bool GetBoolean(string key, bool fallback) => TryGetBoolean(key, out var value) ? value : fallback;

    /// <summary>False when the key is absent; another type than a bool is an error.</summary>
    public bool TryGetBoolean(string key, out bool value)
    {
        value = false;
        if (!_values.TryGetValue(key, out var found))
        {
            return false;
        }

        value = found is bool boolean ? boolean : throw WrongType(key, found, "a bool");
        return true;
    }

    /// <summary>An array of strings, or null when the key is absent.</summary>
    public GgufStringArray? FindStrings(string key) => Find(key) switch
    {
        null => null,
        GgufStringArray strings => strings,
        var found => throw WrongType(key, found, "an array of strings"),
    };

    /// <summary>An array of numbers, or null when the key is absent. The caller must not change it.</summary>
    public float[]? FindSingles(string key) => Find(key) switch
    {
        null => null,
        float[] singles => singles,
        double[] wide => Array.ConvertAll(wide, x => (float)x),
        Array found when TryIntegers(found, out var integers) => Array.ConvertAll(integers, x => (float)x),
        var found => throw WrongType(key, found, "an array of numbers"),
    };

    /// <summary>An array of integers that fit int32, or null when the key is absent. The caller must not change it.</summary>
    public int[]? FindInt32s(string key)
    {
        var found = Find(key);
        // The runtime lets a uint[] pass as an int[] in casts and patterns, hence the exact comparison.
        if (found is null || found.GetType() == typeof(int[]))
        {
            return (int[]?)found;
        }

        if (found is not Array array || !TryIntegers(array, out var integers))
        {
            throw WrongType(key, found, "an array of integers");
        }

        var narrow = new int[integers.Length];
        for (var i = 0; i < narrow.Length; i++)
        {
            narrow[i] = integers[i] >= int.MinValue && integers[i] <= int.MaxValue
                ? (int)integers[i]
                : throw Invalid(key, $"holds {integers[i]} at index {i}, which does not fit an int32");
        }

        return narrow;
    }

    public IEnumerator<KeyValuePair<string, object>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>False when the key is there already.</summary>
    /// <param name="offset">Where the value lies in the file, for later error messages.</param>
    internal bool TryAdd(string key, object value, long offset)
    {
        _offsets[key] = offset;
        return _values.TryAdd(key, value);
    }

    object? Find(string key) => _values.GetValueOrDefault(key);

    static bool TryInteger(object value, out Int128 integer)
    {
        switch (value)
        {
            case byte x: integer = x; return true;
            case sbyte x: integer = x; return true;
            case ushort x: integer = x; return true;
            case short x: integer = x; return true;
            case uint x: integer = x; return true;
            case int x: integer = x; return true;
            case ulong x: integer = x; return true;
            case long x: integer = x; return true;
            default: integer = 0; return false;
        }
    }

    static bool TryIntegers(Array array, out Int128[] integers)
    {
        integers = new Int128[array.Length];
        var elements = array.GetType().GetElementType()!;
        if (elements == typeof(bool) || !elements.IsPrimitive || elements == typeof(float) || elements == typeof(double))
        {
            return false;
        }

        for (var i = 0; i < integers.Length; i++)
        {
            _ = TryInteger(array.GetValue(i)!, out integers[i]);
        }

        return true;
    }

    GgufException Missing(string key, string wanted) =>
        GgufException.Invalid(_path, $"the metadata has no '{key}' ({wanted})");

    GgufException WrongType(string key, object found, string wanted) =>
        Invalid(key, $"is of type {GgufValueTypes.NameOf(found)}, expected {wanted}");

    GgufException Invalid(string key, string what) =>
        GgufException.Invalid(_path, _offsets[key], $"metadata '{key}' {what}");
}
