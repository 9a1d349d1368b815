using System.Globalization;

namespace NvStream.Tokenization.Templates;

/// <summary>Attributes and items as Jinja2 looks them up: each falls back to the other, and what is missing is undefined.</summary>
static class Access
{
    public static Value Attribute(Run run, Value value, string name)
    {
        Operators.RequireDefined(run, value);
        return value.GetAttribute(run, name) ?? value.GetItem(run, new StrValue(name)) ?? Missing(value, name);
    }

    public static Value Item(Run run, Value value, Value key)
    {
        Operators.RequireDefined(run, value);
        return value.GetItem(run, key)
            ?? (key is StrValue name ? value.GetAttribute(run, name.Text) : null)
            ?? key switch
            {
                StrValue missing => Missing(value, missing.Text),
                IntValue index => new UndefinedValue(string.Create(CultureInfo.InvariantCulture, $"a value of type '{value.TypeName}' has no item {index.Number}"), value),
                _ => new UndefinedValue($"a value of type '{value.TypeName}' has no items by '{key.TypeName}'", value),
            };
    }

    static UndefinedValue Missing(Value value, string name) =>
        new($"a value of type '{value.TypeName}' has no attribute {PythonText.Quote(name.Length <= 64 ? name : name[..64] + "...")}", value);
}
