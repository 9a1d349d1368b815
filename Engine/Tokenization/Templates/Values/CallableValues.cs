using System.Collections.Frozen;

namespace NvStream.Tokenization.Templates;

/// <summary>A function of the language itself, such as <c>range</c>.</summary>
sealed class FunctionValue(string name, Builtin function) : Value
{
    public override string TypeName => "function";

    public override bool IsCallable => true;

    public override Value? Call(Run run, Arguments arguments) => function.Invoke(run, name, NoneValue.Instance, arguments);
}

/// <summary>A method together with the value it was taken from.</summary>
sealed class BoundMethod(string name, Builtin method, Value self) : Value
{
    public override string TypeName => "method";

    public override bool IsCallable => true;

    public static BoundMethod? Find(FrozenDictionary<string, Builtin> table, Value self, string name) =>
        table.TryGetValue(name, out Builtin? method) ? new BoundMethod(name, method, self) : null;

    public override Value? Call(Run run, Arguments arguments) => method.Invoke(run, name, self, arguments);
}
