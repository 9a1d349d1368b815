namespace NvStream.Tokenization.Templates;

/// <summary>A mapping that keeps the order of insertion. Keys are strings, numbers, booleans or None.</summary>
sealed class DictValue : Value
{
    public OrderedDictionary<Value, Value> Entries { get; } = new(KeyComparer.Instance);

    public override string TypeName => "dict";

    public override bool IsTrue => Entries.Count > 0;

    public override int? Length => Entries.Count;

    public override IEnumerable<Value>? Items
    {
        get
        {
            for (int i = 0; i < Entries.Count; i++)
            {
                yield return Entries.GetAt(i).Key;
            }
        }
    }

    /// <summary>The entries as (key, value) tuples.</summary>
    public IEnumerable<Value> Pairs
    {
        get
        {
            for (int i = 0; i < Entries.Count; i++)
            {
                var (key, value) = Entries.GetAt(i);
                yield return new TupleValue([key, value]);
            }
        }
    }

    public Value? this[string key]
    {
        get => Entries.GetValueOrDefault(new StrValue(key));
        set => Entries[new StrValue(key)] = value!;
    }

    public static bool IsKey(Value value) => value is StrValue or IntValue or FloatValue or BoolValue or NoneValue;

    static void ChargeHash(Run run, Value key) => run.ChargeText(key is StrValue text ? text.Text.Length / 2 : 0);

    public void Set(Run run, Value key, Value value)
    {
        if (!IsKey(key))
        {
            throw run.Fail($"a {key.TypeName} cannot be the key of a dict");
        }

        ChargeHash(run, key);
        Entries[key] = value;
    }

    public override Value? GetItem(Run run, Value key)
    {
        ChargeHash(run, key);
        return IsKey(key) ? Entries.GetValueOrDefault(key) : null;
    }

    public override Value? GetAttribute(Run run, string name) => BoundMethod.Find(DictMethods.Table, this, name);

    /// <summary>Keys are equal as Python's are: 1, 1.0 and True are one key.</summary>
    sealed class KeyComparer : IEqualityComparer<Value>
    {
        public static readonly KeyComparer Instance = new();

        public bool Equals(Value? x, Value? y) =>
            x is StrValue a && y is StrValue b ? a.Text == b.Text
            : x is NoneValue || y is NoneValue ? ReferenceEquals(x, y)
            : Numbers.TryCompare(x!, y!, out int? order) && order == 0;

        public int GetHashCode(Value value) =>
            value is StrValue text ? text.Text.GetHashCode()
            : Numbers.TryFloat(value, out double number) ? number.GetHashCode()
            : 0;
    }
}

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> of a dict give: live views.</summary>
sealed class DictView(string kind, DictValue dict) : Value
{
    public override string TypeName => $"dict_{kind}";

    public override bool IsTrue => dict.IsTrue;

    public override int? Length => dict.Length;

    public override IEnumerable<Value>? Items => kind switch
    {
        "keys" => dict.Items,
        "items" => dict.Pairs,
        _ => dict.Pairs.Select(pair => ((TupleValue)pair)[1]),
    };
}

/// <summary>What <c>namespace()</c> gives: the one object whose attributes a template can set.</summary>
sealed class NamespaceValue(DictValue attributes) : Value
{
    public DictValue Attributes { get; } = attributes;

    public override string TypeName => "Namespace";

    public override Value? GetAttribute(Run run, string name) => Attributes.GetItem(run, new StrValue(name));
}
