using System.Globalization;

namespace NvStream.Tokenization.Templates;

/// <summary>The <c>attribute</c> argument of filters: a key or index, or several with dots between.</summary>
sealed class AttributePath
{
    readonly Value[] _parts;

    /// <param name="attribute">Null or None for the item itself.</param>
    public AttributePath(Run run, Value? attribute)
    {
        run.ChargeText(attribute is StrValue { Text: var text } ? 8L * text.Length : 0);
        _parts = attribute switch
        {
            null or NoneValue => [],
            StrValue path => [.. path.Text.Split('.').Select(Part)],
            IntValue => [attribute],
            _ => throw run.Fail($"an attribute is named by a string or an integer, not by a value of type '{attribute.TypeName}'"),
        };
    }

    /// <summary>The value at the path, undefined where an item is missing.</summary>
    /// <param name="whenMissing">Stands for a missing item; null for undefined.</param>
    public Value Of(Run run, Value item, Value? whenMissing = null)
    {
        foreach (Value part in _parts)
        {
            run.Step();
            item = Access.Item(run, item, part);
            item = item is UndefinedValue && whenMissing is not null ? whenMissing : item;
        }

        return item;
    }

    static Value Part(string part) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? new IntValue(index) : new StrValue(part);
}
