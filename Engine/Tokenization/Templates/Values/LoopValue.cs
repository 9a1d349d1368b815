namespace NvStream.Tokenization.Templates;

/// <summary>
/// The <c>loop</c> of a <c>for</c>. It reads ahead only when asked for what lies ahead, because a loop's filter may
/// depend on what its body has done so far.
/// </summary>
/// <param name="length">The length, where it is known without reading ahead.</param>
sealed class LoopValue(IEnumerator<Value> source, int? length) : Value
{
    /// <summary>Items read ahead, in order.</summary>
    readonly Queue<Value> _ahead = new();

    Value? _current;
    Value? _previous;
    int? _length = length;
    int _index0 = -1;
    Arguments? _lastChanged;

    public override string TypeName => "LoopContext";

    public override int? Length => _length ??= Exhaust();

    /// <summary>The iteration, from 1.</summary>
    public int Index => _index0 + 1;

    public Value Current => _current!;

    public bool MoveNext()
    {
        if (!Peek())
        {
            return false;
        }

        _previous = _current;
        _current = _ahead.Dequeue();
        _index0++;
        return true;
    }

    public override Value? GetAttribute(Run run, string name) => name switch
    {
        "index" => new IntValue(Index),
        "index0" => new IntValue(_index0),
        "first" => BoolValue.Of(_index0 == 0),
        "last" => BoolValue.Of(!Peek()),
        "length" => new IntValue(Length!.Value),
        "revindex" => new IntValue(Length!.Value - _index0),
        "revindex0" => new IntValue(Length!.Value - _index0 - 1),
        "previtem" => _previous ?? new UndefinedValue("there is no previous item"),
        "nextitem" => Peek() ? _ahead.Peek() : new UndefinedValue("there is no next item"),
        "depth" => new IntValue(1),
        "depth0" => new IntValue(0),
        "cycle" => new BoundMethod(name, Cycle, this),
        "changed" => new BoundMethod(name, Changed, this),
        _ => null,
    };

    static readonly Builtin Cycle = new((run, self, arguments) =>
        arguments.Positional.Count == 0
            ? throw run.Fail("loop.cycle() needs at least one argument")
            : arguments.Positional[((LoopValue)self)._index0 % arguments.Positional.Count]);

    static readonly Builtin Changed = new((run, self, arguments) =>
    {
        var loop = (LoopValue)self;
        var last = loop._lastChanged;
        loop._lastChanged = arguments;
        return BoolValue.Of(last is null || !Operators.SequenceEqual(run, last.Positional, arguments.Positional));
    });

    bool Peek()
    {
        if (_ahead.Count > 0)
        {
            return true;
        }

        if (!source.MoveNext())
        {
            return false;
        }

        _ahead.Enqueue(source.Current);
        return true;
    }

    int Exhaust()
    {
        while (source.MoveNext())
        {
            _ahead.Enqueue(source.Current);
        }

        return _index0 + 1 + _ahead.Count;
    }
}
