namespace NvStream.Tokenization.Templates;

/// <summary>Parses the tags of a template: everything around expressions.</summary>
sealed class Parser
{
    readonly TokenStream _tokens;
    readonly ExpressionParser _expressions;

    /// <summary>Loops around the tag at hand, within the same macro.</summary>
    int _loops;

    Parser(string source)
    {
        _tokens = new TokenStream(new Lexer(source).Tokenize());
        _expressions = new ExpressionParser(_tokens);
    }

    public static Body Parse(string source) => new Parser(source).ParseBody([]);

    /// <summary>Statements up to a tag of one of the names, whose name is then the current token.</summary>
    Body ParseBody(params ReadOnlySpan<string> ends)
    {
        _tokens.Enter();
        var statements = new List<Statement>();
        while (true)
        {
            Token token = _tokens.Take();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    statements.Add(new TextStatement(token.At, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    statements.Add(new OutputStatement(token.At, _expressions.ParseTuple()));
                    _tokens.Expect(TokenKind.VariableEnd, "'}}'");
                    break;
                case TokenKind.BlockBegin when _tokens.Current.Kind == TokenKind.Name && ends.Contains(_tokens.Current.Text):
                    _tokens.Leave();
                    return new Body([.. statements]);
                case TokenKind.BlockBegin:
                    statements.Add(ParseTag());
                    _tokens.Expect(TokenKind.BlockEnd, "'%}'");
                    break;
                case TokenKind.End when ends.Length == 0:
                    _tokens.Leave();
                    return new Body([.. statements]);
                default:
                    throw TemplateException.Syntax($"expected '{{% {ends[^1]} %}}', found {token.Description}", token.At);
            }
        }
    }

    /// <summary>The rest of an opening tag, and the statements up to a tag of one of the names.</summary>
    Body ParseBlock(params ReadOnlySpan<string> ends)
    {
        _tokens.TakeOperator(":");
        _tokens.Expect(TokenKind.BlockEnd, "'%}'");
        return ParseBody(ends);
    }

    /// <summary>A block whose only end is the tag named, which is taken too.</summary>
    Body ParseWholeBlock(string end)
    {
        Body body = ParseBlock(end);
        _tokens.Take();
        return body;
    }

    Statement ParseTag()
    {
        Token tag = _tokens.Expect(TokenKind.Name, "the name of a tag");
        return tag.Text switch
        {
            "if" => ParseIf(tag.At),
            "for" => ParseFor(tag.At),
            "set" => ParseSet(tag.At),
            "macro" => ParseMacro(tag.At),
            "call" => ParseCall(tag.At),
            "filter" => ParseFilter(tag.At),
            "with" => ParseWith(tag.At),
            "generation" => new ScopeStatement(tag.At, [], InOwnLoops(() => ParseWholeBlock("endgeneration"))),
            "break" => ParseFlow(tag, Flow.Break),
            "continue" => ParseFlow(tag, Flow.Continue),
            "endif" or "elif" or "else" or "endfor" or "endset" or "endmacro" or "endcall" or "endfilter" or "endwith" or "endgeneration" or "endraw" =>
                throw TemplateException.Syntax($"unexpected '{{% {tag.Text} %}}'", tag.At),
            _ => throw TemplateException.Unsupported($"the tag '{tag.Text}'", tag.At),
        };
    }

    IfStatement ParseIf(Position at)
    {
        var branches = new List<(Expression, Body)>();
        Body? otherwise = null;
        do
        {
            Expression condition = _expressions.ParseTuple(withInlineIf: false);
            branches.Add((condition, ParseBranch("elif", "else", "endif")));
        }
        while (_tokens.TakeName("elif"));

        if (_tokens.TakeName("else"))
        {
            otherwise = ParseBranch("endif");
        }

        _tokens.ExpectName("endif");
        return new IfStatement(at, [.. branches], otherwise);
    }

    Body ParseBranch(params ReadOnlySpan<string> ends)
    {
        _expressions.ConditionalDepth++;
        Body body = ParseBlock(ends);
        _expressions.ConditionalDepth--;
        return body;
    }

    ForStatement ParseFor(Position at)
    {
        AssignTarget target = ParseTarget(endName: "in", withNamespace: false);
        _tokens.ExpectName("in");
        Expression iterable = _expressions.ParseTuple(withInlineIf: false, endName: "recursive");
        Expression? filter = _tokens.TakeName("if") ? _expressions.Parse() : null;
        if (_tokens.Current.IsName("recursive"))
        {
            throw TemplateException.Unsupported("a recursive loop", _tokens.Current.At);
        }

        _loops++;
        Body body = ParseBlock("else", "endfor");
        _loops--;
        Body? otherwise = _tokens.TakeName("else") ? ParseBlock("endfor") : null;
        _tokens.ExpectName("endfor");
        return new ForStatement(at, target, iterable, filter, body, otherwise);
    }

    Statement ParseSet(Position at)
    {
        AssignTarget target = ParseTarget(endName: null, withNamespace: true);
        if (_tokens.TakeOperator("="))
        {
            return new SetStatement(at, target, _expressions.ParseTuple());
        }

        if (_tokens.Current.Kind == TokenKind.Operator && !_tokens.Current.IsOperator("|"))
        {
            throw TemplateException.Unsupported($"'set' of what stands before '{_tokens.Current.Text}'", _tokens.Current.At);
        }

        return new CaptureStatement(at, target, ParseFilters(), ParseWholeBlock("endset"));
    }

    CaptureStatement ParseFilter(Position at)
    {
        FilterExpression first = _expressions.Filter(null);
        return new CaptureStatement(at, null, [first, .. ParseFilters()], ParseWholeBlock("endfilter"));
    }

    FilterExpression[] ParseFilters()
    {
        var filters = new List<FilterExpression>();
        while (_tokens.TakeOperator("|"))
        {
            filters.Add(_expressions.Filter(null));
        }

        return [.. filters];
    }

    MacroStatement ParseMacro(Position at)
    {
        string name = _tokens.Expect(TokenKind.Name, "the name of the macro").Text;
        _tokens.ExpectOperator("(");
        return new MacroStatement(at, ParseMacroBody(name, ParseParameters(), "endmacro"));
    }

    CallStatement ParseCall(Position at)
    {
        var parameters = _tokens.TakeOperator("(") ? ParseParameters() : [];
        return _expressions.Parse() is CallExpression call
            ? new CallStatement(at, call, ParseMacroBody("caller", parameters, "endcall"))
            : throw TemplateException.Syntax("a call block needs a call", at);
    }

    MacroDefinition ParseMacroBody(string name, (string Name, Expression? Default)[] parameters, string end)
    {
        var outer = _expressions.Mentioned;
        _expressions.Mentioned = [];
        Body body = InOwnLoops(() => ParseWholeBlock(end));
        var uses = _expressions.Mentioned;
        outer.UnionWith(uses);
        _expressions.Mentioned = outer;
        uses.IntersectWith(["varargs", "kwargs", "caller"]);
        uses.ExceptWith(parameters.Select(parameter => parameter.Name));
        return new MacroDefinition(name, parameters, body, uses);
    }

    (string Name, Expression? Default)[] ParseParameters()
    {
        var parameters = new List<(string Name, Expression? Default)>();
        while (!_tokens.TakeOperator(")"))
        {
            if (parameters.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            Token name = _tokens.Expect(TokenKind.Name, "the name of a parameter");
            Expression? whenAbsent = _tokens.TakeOperator("=") ? _expressions.Parse() : null;
            if (whenAbsent is null && parameters.Count > 0 && parameters[^1].Default is not null)
            {
                throw TemplateException.Syntax($"the parameter '{name.Text}' without a default follows one that has a default", name.At);
            }

            parameters.Add((name.Text, whenAbsent));
        }

        return [.. parameters];
    }

    ScopeStatement ParseWith(Position at)
    {
        var names = new List<(AssignTarget, Expression)>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (names.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            AssignTarget target = ParseSingleTarget(withNamespace: false);
            _tokens.ExpectOperator("=");
            names.Add((target, _expressions.Parse()));
        }

        return new ScopeStatement(at, [.. names], ParseWholeBlock("endwith"));
    }

    FlowStatement ParseFlow(Token tag, Flow flow) =>
        _loops > 0 ? new FlowStatement(tag.At, flow) : throw TemplateException.Syntax($"'{tag.Text}' outside of a loop", tag.At);

    /// <summary>A body that <c>break</c> cannot leave for a loop around it.</summary>
    T InOwnLoops<T>(Func<T> parse)
    {
        int outer = _loops;
        _loops = 0;
        T parsed = parse();
        _loops = outer;
        return parsed;
    }

    AssignTarget ParseTarget(string? endName, bool withNamespace)
    {
        AssignTarget first = ParseSingleTarget(withNamespace);
        if (!_tokens.Current.IsOperator(","))
        {
            return first;
        }

        var targets = new List<AssignTarget> { first };
        while (_tokens.TakeOperator(",") && _tokens.Current.Kind != TokenKind.BlockEnd
            && !_tokens.Current.IsOperator(")") && !_tokens.Current.IsOperator("=")
            && !(endName is not null && _tokens.Current.IsName(endName)))
        {
            targets.Add(ParseSingleTarget(withNamespace));
        }

        return new TupleTarget([.. targets]);
    }

    AssignTarget ParseSingleTarget(bool withNamespace)
    {
        if (_tokens.TakeOperator("("))
        {
            _tokens.Enter();
            AssignTarget inside = ParseTarget(null, withNamespace);
            _tokens.ExpectOperator(")");
            _tokens.Leave();
            return inside;
        }

        Token name = _tokens.Expect(TokenKind.Name, "a name to assign to");
        if (name.Text is "true" or "True" or "false" or "False" or "none" or "None")
        {
            throw TemplateException.Syntax($"'{name.Text}' cannot be assigned to", name.At);
        }

        return withNamespace && _tokens.TakeOperator(".")
            ? new NamespaceTarget(name.Text, _tokens.Expect(TokenKind.Name, "the name of an attribute").Text)
            : new NameTarget(name.Text);
    }
}
