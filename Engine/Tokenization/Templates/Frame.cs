namespace NvStream.Tokenization.Templates;

/// <summary>A scope of names: what is set in it hides the same name further out and ends with it.</summary>
sealed class Frame(Run run, Frame? outer)
{
    /// <summary>Names up to which a search is faster than a hash; loops make a frame an iteration, mostly of two names.</summary>
    const int Few = 8;

    (string Name, Value Value)[] _few = [];
    int _count;
    Dictionary<string, Value>? _many;

    public Run Run => run;

    /// <summary>A scope inside this one.</summary>
    public Frame Inner() => new(run, this);

    public void Set(string name, Value value)
    {
        if (_many is not null)
        {
            _many[name] = value;
            return;
        }

        int index = IndexOf(name);
        if (index >= 0)
        {
            _few[index].Value = value;
        }
        else if (_count < Few)
        {
            if (_count == _few.Length)
            {
                Array.Resize(ref _few, _count == 0 ? 2 : Few);
            }

            _few[_count++] = (name, value);
        }
        else
        {
            _many = _few.ToDictionary(entry => entry.Name, entry => entry.Value, StringComparer.Ordinal);
            _many[name] = value;
        }
    }

    public Value Find(string name)
    {
        int frames = 0;
        for (Frame? frame = this; frame is not null; frame = frame.Outer)
        {
            frames++;
            if (frame.TryGet(name, out Value? value))
            {
                run.ChargeItems(frames / 4);
                return value;
            }
        }

        run.ChargeItems(frames / 4);
        return Functions.Table.GetValueOrDefault(name) ?? new UndefinedValue($"'{name}' is undefined");
    }

    Frame? Outer => outer;

    bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Value? value)
    {
        if (_many is not null)
        {
            return _many.TryGetValue(name, out value);
        }

        int index = IndexOf(name);
        value = index < 0 ? null : _few[index].Value;
        return index >= 0;
    }

    int IndexOf(string name)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_few[i].Name == name)
            {
                return i;
            }
        }

        return -1;
    }
}
