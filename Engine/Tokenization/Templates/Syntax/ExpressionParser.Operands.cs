using System.Text;

namespace NvStream.Tokenization.Templates;

/// <summary>What operators stand between: literals, names, and what follows them.</summary>
sealed partial class ExpressionParser
{
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
                var text = new StringBuilder(token.Text);
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
