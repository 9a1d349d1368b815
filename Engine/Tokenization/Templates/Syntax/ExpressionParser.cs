namespace NvStream.Tokenization.Templates;

/// <summary>
/// Expressions by recursive descent, with the precedences of Jinja2, from loosest to tightest: inline if, or, and, not,
/// comparison, + and -, ~, * and the divisions, ** (which groups from the left), signs, then filters and tests.
/// </summary>
sealed partial class ExpressionParser(TokenStream tokens)
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
}
