using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// Copies what a caller passes to a template into template values: null, booleans, numbers, strings, JSON, messages,
/// mappings and sequences of these. Any other type is refused, so that no object's members are within a template's reach.
/// </summary>
sealed class ValueConverter
{
    const int MaxDepth = 64;

    /// <summary>Characters of all strings converted so far.</summary>
    public long TextLength { get; private set; }

    public Value Convert(object? value, int depth = 0)
    {
        if (depth > MaxDepth)
        {
            throw new ArgumentException($"A template's variables may nest at most {MaxDepth} deep.", nameof(value));
        }

        return value switch
        {
            null => NoneValue.Instance,
            bool flag => BoolValue.Of(flag),
            string text => Text(text),
            char letter => new StrValue(letter.ToString()),
            sbyte or byte or short or ushort or int or uint or long => new IntValue(((IConvertible)value).ToInt64(CultureInfo.InvariantCulture)),
            ulong number => number <= long.MaxValue ? new IntValue((long)number) : new FloatValue(number),
            float or double or decimal => new FloatValue(((IConvertible)value).ToDouble(CultureInfo.InvariantCulture)),
            ChatMessage message => Message(message),
            JsonElement json => FromJson(json, depth),
            JsonNode node => FromJson(JsonSerializer.SerializeToElement(node), depth),
            IReadOnlyDictionary<string, object?> map => Mapping(map, depth),
            IDictionary map => Mapping(map.Keys.Cast<object>().Select(key => KeyValuePair.Create(
                key as string ?? throw new ArgumentException($"A template's mappings need strings as keys, not {key.GetType()}.", nameof(value)),
                map[key])), depth),
            IEnumerable sequence => new ListValue([.. sequence.Cast<object?>().Select(item => Convert(item, depth + 1))]),
            _ => throw new ArgumentException($"A template cannot take a value of type {value.GetType()}.", nameof(value)),
        };
    }

    DictValue Message(ChatMessage message) =>
        new() { ["role"] = Text(message.Role), ["content"] = Text(message.Content) };

    StrValue Text(string text)
    {
        TextLength += text.Length;
        return new StrValue(text);
    }

    DictValue Mapping(IEnumerable<KeyValuePair<string, object?>> entries, int depth)
    {
        var dict = new DictValue();
        foreach (var (key, item) in entries)
        {
            dict[key] = Convert(item, depth + 1);
        }

        return dict;
    }

    Value FromJson(JsonElement json, int depth) => json.ValueKind switch
    {
        JsonValueKind.Object => Mapping(json.EnumerateObject().Select(entry => KeyValuePair.Create(entry.Name, (object?)entry.Value)), depth),
        JsonValueKind.Array => new ListValue([.. json.EnumerateArray().Select(item => Convert(item, depth + 1))]),
        JsonValueKind.String => Text(json.GetString()!),
        JsonValueKind.Number => json.TryGetInt64(out long number) ? new IntValue(number) : new FloatValue(json.GetDouble()),
        JsonValueKind.True or JsonValueKind.False => BoolValue.Of(json.GetBoolean()),
        _ => NoneValue.Instance,
    };
}
