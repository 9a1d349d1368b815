namespace NvStream.Tokenization.Templates;

/// <summary>The lazy filters that apply another filter or a test to each item.</summary>
static class SelectionFilters
{
    public static readonly Dictionary<string, Builtin> All = new()
    {
        ["map"] = new((run, value, arguments) => Lazy(run, value, items => items.Select(Mapping(run, arguments)))),
        ["select"] = new((run, value, arguments) => Filtered(run, value, arguments, takesAttribute: false, keeps: true)),
        ["reject"] = new((run, value, arguments) => Filtered(run, value, arguments, takesAttribute: false, keeps: false)),
        ["selectattr"] = new((run, value, arguments) => Filtered(run, value, arguments, takesAttribute: true, keeps: true)),
        ["rejectattr"] = new((run, value, arguments) => Filtered(run, value, arguments, takesAttribute: true, keeps: false)),
    };

    /// <summary>As in Jinja2, nothing comes of a false value, None included, whatever would be applied.</summary>
    static IteratorValue Lazy(Run run, Value value, Func<IEnumerable<Value>, IEnumerable<Value>> apply) =>
        run.Iterator(value.IsTrue ? apply(run.Iterate(value)) : []);

    static Func<Value, Value> Mapping(Run run, Arguments arguments)
    {
        if (arguments.Positional.Count > 0)
        {
            string name = Argument.Text(run, arguments.Positional[0]);
            Builtin filter = Filters.Named(run, name);
            Arguments rest = arguments.Skip(1);
            return item => filter.Invoke(run, name, item, rest);
        }

        var named = arguments.Named.ToDictionary(argument => argument.Key, argument => argument.Value);
        if (!named.Remove("attribute", out Value? attribute))
        {
            throw run.Fail("'map' needs the name of a filter or 'attribute'");
        }

        named.Remove("default", out Value? whenMissing);
        if (named.Count > 0)
        {
            throw run.Unsupported($"the argument '{named.Keys.First()}' of 'map'");
        }

        var path = new AttributePath(run, attribute);
        return item => path.Of(run, item, whenMissing is NoneValue ? null : whenMissing);
    }

    static IteratorValue Filtered(Run run, Value value, Arguments arguments, bool takesAttribute, bool keeps)
    {
        var positional = arguments.Positional;
        if (takesAttribute && positional.Count == 0)
        {
            throw run.Fail("an attribute must be named");
        }

        var path = new AttributePath(run, takesAttribute ? positional[0] : null);
        Arguments rest = takesAttribute ? arguments.Skip(1) : arguments;
        if (rest.Positional.Count == 0)
        {
            return Lazy(run, value, items => items.Where(item => path.Of(run, item).IsTrue == keeps));
        }

        string name = Argument.Text(run, rest.Positional[0]);
        Builtin test = Tests.Named(run, name);
        rest = rest.Skip(1);
        return Lazy(run, value, items => items.Where(item => test.Invoke(run, name, path.Of(run, item), rest).IsTrue == keeps));
    }
}
