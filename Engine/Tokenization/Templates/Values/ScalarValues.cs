namespace NvStream.Tokenization.Templates;

/// <summary>Python's None.</summary>
sealed class NoneValue : Value
{
    public static readonly NoneValue Instance = new();

    public override string TypeName => "NoneType";

    public override bool IsTrue => false;
}

sealed class BoolValue : Value
{
    public static readonly BoolValue True = new(true);
    public static readonly BoolValue False = new(false);

    readonly bool _value;

    BoolValue(bool value) => _value = value;

    public static BoolValue Of(bool value) => value ? True : False;

    public override string TypeName => "bool";

    public override bool IsTrue => _value;
}

/// <summary>An integer of 64 bits. Python's have no bound; a result beyond is an error, never a wrong number.</summary>
sealed class IntValue(long value) : Value
{
    public long Number { get; } = value;

    public override string TypeName => "int";

    public override bool IsTrue => Number != 0;
}

sealed class FloatValue(double value) : Value
{
    public double Number { get; } = value;

    public override string TypeName => "float";

    public override bool IsTrue => Number != 0;
}

/// <summary>
/// What a name or item that is not there gives. It prints as nothing, is false and empty, and any other use of it
/// is an error that says what was missing.
/// </summary>
/// <param name="reason">What is missing: "'tools' is undefined".</param>
/// <param name="owner">The value that lacks an attribute or item, where that is what is missing.</param>
sealed class UndefinedValue(string reason, Value? owner = null) : Value
{
    public Value? Owner => owner;

    public string Reason { get; } = reason;

    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    public override int? Length => 0;

    public override IEnumerable<Value>? Items => [];
}
