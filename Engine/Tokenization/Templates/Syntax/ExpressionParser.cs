namespace NvStream.Tokenization.Templates;

/// <summary>
/// Expressions by recursive descent, with the precedences of Jinja2, from loosest to tightest: inline if, or, and, not,
/// comparison, + and -, ~, * and the divisions, ** (which groups from the left), signs, then filters and tests.
/// </summary>
sealed class ExpressionParser(TokenStream tokens)
{
    /// <summary>Names mentioned since it was set; macros look here for <c>varargs</c>, <c>kwargs</c> and <c>caller</c>.</summary>
    public HashSet<string> Mentioned { get; set; } = [];

    /// <summary>
    /// Inside an if, whose branches may never run, an unknown filter or test is an error only when it is come to,
    /// so that a template can be used as long as it stays out of the branches that cannot work.
    /// </summary>
    public int ConditionalDepth { get; set; }

    public Expression Parse(bool withInlineIf = true)
    {
        tokens.Enter();
        Position at = tokens.Current.At;
        Expression value = Or();
        while (withInlineIf && tokens.TakeName("if"))
        {
            Expression condition = Or();
            Expression? otherwise = tokens.TakeName("else") ? Parse() : null;
            value = new ConditionalExpression(at, condition, value, otherwise);
        }

        tokens.Leave();
        return value;
    }

    /// <summary>An expression, or a tuple of several with commas between.</summary>
    /// <param name="endName">A name that ends the tuple, after a trailing comma.</param>
    public Expression ParseTuple(bool withInlineIf = true, string? endName = null, bool allowsEmpty = false)
    {
        Position at = tokens.Current.At;
        if (allowsEmpty && IsTupleEnd(endName))
        {
            return new SequenceExpression(at, [], isTuple: true);
        }

        Expression first = Parse(withInlineIf);
        if (!tokens.Current.IsOperator(","))
        {
            return first;
        }

        var items = new List<Expression> { first };
        while (tokens.TakeOperator(",") && !IsTupleEnd(endName))
        {
            items.Add(Parse(withInlineIf));
        }

        return new SequenceExpression(at, [.. items], isTuple: true);
    }

    bool IsTupleEnd(string? endName) =>
        tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd or TokenKind.End
        || tokens.Current.IsOperator(")") || (endName is not null && tokens.Current.IsName(endName));

    Expression Or()
    {
        Position at = tokens.Current.At;
        Expression left = And();
        while (tokens.TakeName("or"))
        {
            left = new LogicalExpression(at, isAnd: false, left, And());
        }

        return left;
    }

    Expression And()
    {
        Position at = tokens.Current.At;
        Expression left = Not();
        while (tokens.TakeName("and"))
        {
            left = new LogicalExpression(at, isAnd: true, left, Not());
        }

        return left;
    }

    Expression Not()
    {
        Position at = tokens.Current.At;
        if (!tokens.TakeName("not"))
        {
            return Compare();
        }

        tokens.Enter();
        var negation = new NotExpression(at, Not());
        tokens.Leave();
        return negation;
    }

    Expression Compare()
    {
        Position at = tokens.Current.At;
        Expression first = Sum();
        var rest = new List<(string, Expression)>();
        while (CompareSymbol() is string symbol)
        {
            rest.Add((symbol, Sum()));
        }

        return rest.Count == 0 ? first : new CompareExpression(at, first, [.. rest]);
    }

    string? CompareSymbol()
    {
        if (tokens.Current is { Kind: TokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
        {
            return tokens.Take().Text;
        }

        if (tokens.TakeName("in"))
        {
            return "in";
        }

        if (tokens.Current.IsName("not") && tokens.Next.IsName("in"))
        {
            tokens.Take();
            tokens.Take();
            return "not in";
        }

        return null;
    }

    Expression Sum()
    {
        Position at = tokens.Current.At;
        Expression left = Concat();
        while (tokens.Current is { Kind: TokenKind.Operator, Text: "+" or "-" })
        {
            left = new ArithmeticExpression(at, tokens.Take().Text, left, Concat());
        }

        return left;
    }

    Expression Concat()
    {
        Position at = tokens.Current.At;
        Expression first = Product();
        if (!tokens.Current.IsOperator("~"))
        {
            return first;
        }

        var operands = new List<Expression> { first };
        while (tokens.TakeOperator("~"))
        {
            operands.Add(Product());
        }

        return new ConcatExpression(at, [.. operands]);
    }

    Expression Product()
    {
        Position at = tokens.Current.At;
        Expression left = Power();
        while (tokens.Current is { Kind: TokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            left = new ArithmeticExpression(at, tokens.Take().Text, left, Power());
        }

        return left;
    }

    Expression Power()
    {
        Position at = tokens.Current.At;
        Expression left = Unary();
        while (tokens.Current.IsOperator("**"))
        {
            left = new ArithmeticExpression(at, tokens.Take().Text, left, Unary());
        }

        return left;
    }

    Expression Unary(bool withFilters = true)
    {
        Token token = tokens.Current;
        Expression operand;
        if (token is { Kind: TokenKind.Operator, Text: "-" or "+" })
        {
            tokens.Take();
            tokens.Enter();
            operand = new SignExpression(token.At, token.Text == "-", Unary(withFilters: false));
            tokens.Leave();
        }
        else
        {
            operand = Primary();
        }

        operand = Postfix(operand);
        return withFilters ? FiltersAndTests(operand) : operand;
    }

    Expression Primary()
    {
        Token token = tokens.Take();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return Name(token);
            case TokenKind.Integer:
                return new ConstantExpression(token.At, new IntValue(token.Integer));
            case TokenKind.Float:
                return new ConstantExpression(token.At, new FloatValue(token.Float));
            case TokenKind.String:
                var text = new System.Text.StringBuilder(token.Text);
                while (tokens.Current.Kind == TokenKind.String)
                {
                    text.Append(tokens.Take().Text);
                }

                return new ConstantExpression(token.At, new StrValue(text.ToString()));
            case TokenKind.Operator when token.Text == "(":
                Expression inside = ParseTuple(allowsEmpty: true);
                tokens.ExpectOperator(")");
                return inside;
            case TokenKind.Operator when token.Text == "[":
                return new SequenceExpression(token.At, [.. Items("]", () => Parse())], isTuple: false);
            case TokenKind.Operator when token.Text == "{":
                return new DictExpression(token.At, [.. Items("}", Entry)]);
            default:
                throw TemplateException.Syntax($"expected an expression, found {token.Description}", token.At);
        }
    }

    Expression Name(Token token)
    {
        Value? constant = token.Text switch
        {
            "true" or "True" => BoolValue.True,
            "false" or "False" => BoolValue.False,
            "none" or "None" => NoneValue.Instance,
            _ => null,
        };
        if (constant is not null)
        {
            return new ConstantExpression(token.At, constant);
        }

        Mentioned.Add(token.Text);
        return new NameExpression(token.At, token.Text);
    }

    (Expression, Expression) Entry()
    {
        Expression key = Parse();
        tokens.ExpectOperator(":");
        return (key, Parse());
    }

    /// <summary>Items with commas between, up to the closing bracket, which is taken too.</summary>
    List<T> Items<T>(string close, Func<T> item)
    {
        var items = new List<T>();
        while (!tokens.TakeOperator(close))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.TakeOperator(close))
                {
                    break;
                }
            }

            items.Add(item());
        }

        return items;
    }

    Expression Postfix(Expression operand)
    {
        while (true)
        {
            Token token = tokens.Current;
            if (tokens.TakeOperator("."))
            {
                Token name = tokens.Take();
                operand = name.Kind switch
                {
                    TokenKind.Name => new AttributeExpression(token.At, operand, name.Text),
                    TokenKind.Integer => new ItemExpression(token.At, operand, new ConstantExpression(name.At, new IntValue(name.Integer))),
                    _ => throw TemplateException.Syntax($"expected a name after '.', found {name.Description}", name.At),
                };
            }
            else if (tokens.TakeOperator("["))
            {
                operand = Subscript(token.At, operand);
            }
            else if (tokens.TakeOperator("("))
            {
                operand = new CallExpression(token.At, operand, Arguments());
            }
            else
            {
                return operand;
            }
        }
    }

    Expression Subscript(Position at, Expression target)
    {
        bool AtSliceEnd() => tokens.Current.IsOperator(":") || tokens.Current.IsOperator("]");
        Expression? start = tokens.Current.IsOperator(":") ? null : ParseTuple();
        Expression subscript;
        if (start is not null && !tokens.Current.IsOperator(":"))
        {
            subscript = new ItemExpression(at, target, start);
        }
        else
        {
            tokens.ExpectOperator(":");
            Expression? stop = AtSliceEnd() ? null : Parse();
            Expression? step = tokens.TakeOperator(":") && !AtSliceEnd() ? Parse() : null;
            subscript = new SliceExpression(at, target, start, stop, step);
        }

        tokens.ExpectOperator("]");
        return subscript;
    }

    /// <summary>The arguments of a call, from after the opening parenthesis to after the closing one.</summary>
    ArgumentList Arguments()
    {
        var positional = new List<Expression>();
        var named = new List<(string Name, Expression Value)>();
        var names = new HashSet<string>();
        Items(")", () =>
        {
            Token token = tokens.Current;
            if (token is { Kind: TokenKind.Operator, Text: "*" or "**" })
            {
                throw TemplateException.Unsupported($"'{token.Text}' before an argument", token.At);
            }

            if (token.Kind == TokenKind.Name && tokens.Next.IsOperator("="))
            {
                tokens.Take();
                tokens.Take();
                if (!names.Add(token.Text))
                {
                    throw TemplateException.Syntax($"the argument '{token.Text}' is given twice", token.At);
                }

                named.Add((token.Text, Parse()));
            }
            else if (named.Count > 0)
            {
                throw TemplateException.Syntax("a positional argument follows a named one", token.At);
            }
            else
            {
                positional.Add(Parse());
            }

            return true;
        });
        return positional.Count + named.Count == 0 ? ArgumentList.Empty : new ArgumentList([.. positional], [.. named]);
    }

    Expression FiltersAndTests(Expression operand)
    {
        while (true)
        {
            Token token = tokens.Current;
            if (tokens.TakeOperator("|"))
            {
                operand = Filter(operand);
            }
            else if (tokens.TakeName("is"))
            {
                operand = Test(token.At, operand);
            }
            else if (tokens.TakeOperator("("))
            {
                operand = new CallExpression(token.At, operand, Arguments());
            }
            else
            {
                return operand;
            }
        }
    }

    /// <summary>A filter's name and arguments, from after the <c>|</c>.</summary>
    /// <param name="operand">Null at the head of a block that is filtered.</param>
    public FilterExpression Filter(Expression? operand)
    {
        Token name = tokens.Expect(TokenKind.Name, "the name of a filter");
        Builtin? filter = Filters.Table.GetValueOrDefault(name.Text);
        if (filter is null && ConditionalDepth == 0)
        {
            throw TemplateException.Unsupported($"the filter '{name.Text}'", name.At);
        }

        return new FilterExpression(name.At, operand, name.Text, filter, tokens.TakeOperator("(") ? Arguments() : ArgumentList.Empty);
    }

    Expression Test(Position at, Expression operand)
    {
        bool isNegated = tokens.TakeName("not");
        Token name = tokens.Expect(TokenKind.Name, "the name of a test");
        Builtin? test = Tests.Table.GetValueOrDefault(name.Text);
        if (test is null && ConditionalDepth == 0)
        {
            throw TemplateException.Unsupported($"the test '{name.Text}'", name.At);
        }

        ArgumentList arguments = ArgumentList.Empty;
        if (tokens.TakeOperator("("))
        {
            arguments = Arguments();
        }
        else if (BeginsTestArgument(tokens.Current))
        {
            arguments = new ArgumentList([Postfix(Primary())], []);
        }

        var result = new TestExpression(name.At, operand, name.Text, test, arguments);
        return isNegated ? new NotExpression(at, result) : result;
    }

    /// <summary>Whether a test has an argument without parentheses: <c>x is divisibleby 3</c>.</summary>
    static bool BeginsTestArgument(Token token) => token.Kind switch
    {
        TokenKind.Name => token.Text is not ("else" or "or" or "and" or "is" or "if" or "in" or "not"),
        TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
        TokenKind.Operator => token.Text is "[" or "{",
        _ => false,
    };
}
