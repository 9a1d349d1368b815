using System.Collections.Frozen;

namespace NvStream.Tokenization.Templates;

/// <summary>Methods of lists and tuples. Lists can be changed, unlike in Jinja2's immutable sandbox: some templates do.</summary>
static class ListMethods
{
    public static readonly FrozenDictionary<string, Builtin> TupleTable = new Dictionary<string, Builtin>
    {
        ["index"] = new(1, ["value"], (run, self, a) => new IntValue(IndexOf(run, (SequenceValue)self, a[0]!))),
        ["count"] = new(1, ["value"], (run, self, a) =>
            new IntValue(run.Iterate(self).Count(item => Operators.Equal(run, item, a[0]!)))),
    }.ToFrozenDictionary();

    public static readonly FrozenDictionary<string, Builtin> Table = new Dictionary<string, Builtin>(TupleTable)
    {
        ["append"] = new(1, ["value"], (run, self, a) => Change(run, self, list => list.Add(a[0]!))),
        ["extend"] = new(1, ["values"], (run, self, a) =>
        {
            var items = run.List(run.Iterate(a[0]!)).List;
            return Change(run, self, list => list.AddRange(items));
        }),
        ["insert"] = new(2, ["index", "value"], (run, self, a) => Change(run, self, list =>
        {
            run.ChargeItems(list.Count / 16);
            long index = Argument.Integer(run, a[0], 0);
            index = Math.Clamp(index < 0 ? index + list.Count : index, 0, list.Count);
            list.Insert((int)index, a[1]!);
        })),
        ["pop"] = new(0, ["index"], (run, self, a) =>
        {
            var list = ((ListValue)self).List;
            long index = Argument.Integer(run, a[0], -1);
            index += index < 0 ? list.Count : 0;
            if (index < 0 || index >= list.Count)
            {
                throw run.Fail("pop() of an index that is not in the list");
            }

            run.ChargeItems((list.Count - index) / 16);
            Value item = list[(int)index];
            list.RemoveAt((int)index);
            return item;
        }),
        ["copy"] = new((run, self) => run.List(run.Iterate(self))),
    }.ToFrozenDictionary();

    static NoneValue Change(Run run, Value self, Action<List<Value>> change)
    {
        run.Step();
        change(((ListValue)self).List);
        return NoneValue.Instance;
    }

    static long IndexOf(Run run, SequenceValue sequence, Value value)
    {
        for (int i = 0; i < sequence.Count; i++)
        {
            if (Operators.Equal(run, sequence[i], value))
            {
                return i;
            }
        }

        throw run.Fail("index() of a value that is not in the list");
    }
}

/// <summary>Methods of dicts.</summary>
static class DictMethods
{
    public static readonly FrozenDictionary<string, Builtin> Table = new Dictionary<string, Builtin>
    {
        ["get"] = new(1, ["key", "default"], (run, self, a) => self.GetItem(run, a[0]!) ?? a[1] ?? NoneValue.Instance),
        ["keys"] = new((_, self) => new DictView("keys", (DictValue)self)),
        ["values"] = new((_, self) => new DictView("values", (DictValue)self)),
        ["items"] = new((_, self) => new DictView("items", (DictValue)self)),
        ["update"] = new((run, self, arguments) =>
        {
            var dict = (DictValue)self;
            foreach (Value source in arguments.Positional)
            {
                Update(run, dict, source);
            }

            foreach (var (name, value) in arguments.Named)
            {
                dict[name] = value;
            }

            return NoneValue.Instance;
        }),
        ["setdefault"] = new(1, ["key", "default"], (run, self, a) =>
        {
            if (self.GetItem(run, a[0]!) is Value present)
            {
                return present;
            }

            ((DictValue)self).Set(run, a[0]!, a[1] ?? NoneValue.Instance);
            return a[1] ?? NoneValue.Instance;
        }),
        ["pop"] = new(1, ["key", "default"], (run, self, a) =>
        {
            Value value = self.GetItem(run, a[0]!) ?? a[1] ?? throw run.Fail("pop() of a key that is not in the dict");
            var entries = ((DictValue)self).Entries;
            run.ChargeItems(entries.Count / 16);
            if (DictValue.IsKey(a[0]!))
            {
                entries.Remove(a[0]!);
            }

            return value;
        }),
        ["copy"] = new((run, self) =>
        {
            var copy = new DictValue();
            Update(run, copy, self);
            return copy;
        }),
    }.ToFrozenDictionary();

    /// <summary>Adds the entries of a mapping, or of an iterable of pairs.</summary>
    public static void Update(Run run, DictValue dict, Value source)
    {
        Operators.RequireDefined(run, source);
        run.ChargeItems(8);
        bool isMapping = source is DictValue;
        var pairs = isMapping ? run.List(((DictValue)source).Pairs) : run.List(run.Iterate(source));
        foreach (Value pair in pairs.List)
        {
            if (pair is not SequenceValue { Count: 2 } entry)
            {
                throw run.Fail("a dict is made from a mapping or from pairs of key and value");
            }

            dict.Set(run, entry[0], entry[1]);
        }
    }
}
