using System.Runtime.CompilerServices;
using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>
/// One rendering: where it stands, what it has written, and what it has used up. Templates come from files of unknown
/// origin, so everything that takes time or memory is charged here before it is done.
/// </summary>
sealed class Run(long inputLength, TimeProvider clock)
{
    /// <summary>Characters that a template may write.</summary>
    public const int MaxOutput = 16 << 20;

    /// <summary>Characters of one string, however long the conversation is.</summary>
    public const int MaxText = 1 << 28;

    /// <summary>Nodes evaluated inside each other, macro calls included; also how deep values may nest.</summary>
    public const int MaxDepth = 1000;

    /// <summary>
    /// Characters that may be made or searched in all, so that memory and time stay bounded: a base for the template's
    /// own work, and a multiple of the conversation's length, which templates take apart and copy several times.
    /// </summary>
    long _textLeft = MostText(inputLength);

    /// <summary>
    /// Steps that may be taken: nodes evaluated, items gone through, items held. Templates in use take some hundreds a
    /// message; a step takes tens of nanoseconds.
    /// </summary>
    long _stepsLeft = MostSteps(inputLength);

    int _depth;

    /// <summary>The node being evaluated, for error messages.</summary>
    public Position At { get; set; } = new(1, 1);

    public StringBuilder Output { get; private set; } = new();

    public TimeProvider Clock => clock;

    /// <summary>Begins a node. Every call is paired with <see cref="Leave"/>, except when an exception ends the run.</summary>
    /// <returns>The place to go back to.</returns>
    public Position Enter(Position at)
    {
        var outer = At;
        At = at;
        Step();
        if (++_depth > MaxDepth || (_depth % 16 == 0 && !RuntimeHelpers.TryEnsureSufficientExecutionStack()))
        {
            throw Limit($"expressions or macro calls are nested more than {Math.Min(_depth, MaxDepth)} deep");
        }

        return outer;
    }

    public void Leave(Position outer)
    {
        At = outer;
        _depth--;
    }

    /// <summary>Guards recursion into values that hold values.</summary>
    public void CheckDepth(int depth)
    {
        ChargeItems(2);
        if (depth > MaxDepth / 4 || (depth % 16 == 15 && !RuntimeHelpers.TryEnsureSufficientExecutionStack()))
        {
            throw Limit($"values are nested more than {Math.Min(depth, MaxDepth / 4)} deep");
        }
    }

    public void Step()
    {
        if (--_stepsLeft < 0)
        {
            throw TooManySteps();
        }
    }

    /// <summary>Charges the items of a container about to be made.</summary>
    public void ChargeItems(long count)
    {
        if (count > _stepsLeft)
        {
            throw TooManySteps();
        }

        _stepsLeft -= count;
    }

    /// <summary>Charges characters about to be made or searched.</summary>
    public void ChargeText(long characters)
    {
        _textLeft -= characters;
        if (_textLeft < 0 || characters > MaxText)
        {
            throw Limit($"it made and searched more than {Math.Min(MostText(inputLength), MaxText)} characters");
        }
    }

    public void Write(string text)
    {
        ChargeText(text.Length);
        if (Output.Length + (long)text.Length > MaxOutput)
        {
            throw Limit($"it wrote more than {MaxOutput} characters");
        }

        Output.Append(text);
    }

    /// <summary>What <paramref name="body"/> writes, as a string instead of output.</summary>
    public StrValue Capture(Action body)
    {
        var outer = Output;
        Output = new StringBuilder();
        body();
        var text = Text(Output.ToString());
        Output = outer;
        return text;
    }

    /// <summary>A new string value, charged by its length.</summary>
    public StrValue Text(string text)
    {
        ChargeText(text.Length);
        return text.Length == 0 ? StrValue.Empty : new StrValue(text);
    }

    /// <summary>A new list value, charged by its items.</summary>
    public ListValue List(IEnumerable<Value> items)
    {
        var list = new List<Value>();
        foreach (Value item in items)
        {
            Step();
            list.Add(item);
        }

        ChargeItems(4);
        return new ListValue(list);
    }

    /// <summary>What a lazy filter gives.</summary>
    public IteratorValue Iterator(IEnumerable<Value> items) => new(List(items).List);

    /// <summary>The items of a value, a step each.</summary>
    public IEnumerable<Value> Iterate(Value value)
    {
        var items = value.Items ?? throw Fail($"a value of type '{value.TypeName}' is not iterable");
        foreach (Value item in items)
        {
            Step();
            yield return item;
        }
    }

    public TemplateException Fail(string what) => TemplateException.Failed(what, At);

    public TemplateException Limit(string what) => TemplateException.Limit(what, At);

    public TemplateException Unsupported(string construct) => TemplateException.Unsupported(construct, At);

    TemplateException TooManySteps() => Limit($"it took more than {MostSteps(inputLength)} steps");

    static long MostText(long inputLength) => (32 << 20) + 64 * inputLength;

    static long MostSteps(long inputLength) => Math.Min(4_000_000 + 32 * inputLength, 100_000_000);
}
