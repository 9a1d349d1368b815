using System.Runtime.CompilerServices;

namespace NvStream.Tokenization.Templates;

/// <summary>The tokens of a template, what the parser expects of them, and how deep it has gone.</summary>
sealed class TokenStream(List<Token> tokens)
{
    /// <summary>Parentheses, operators before an operand and blocks inside each other; templates in use stay under twenty.</summary>
    public const int MaxDepth = 128;

    int _index;
    int _depth;

    public Token Current => tokens[_index];

    public Token Next => tokens[Math.Min(_index + 1, tokens.Count - 1)];

    public Token Take()
    {
        Token token = Current;
        _index = Math.Min(_index + 1, tokens.Count - 1);
        return token;
    }

    public bool TakeName(string name) => TakeIf(Current.IsName(name));

    public bool TakeOperator(string symbol) => TakeIf(Current.IsOperator(symbol));

    public Token Expect(TokenKind kind, string what) =>
        Current.Kind == kind ? Take() : throw Unexpected($"expected {what}");

    public void ExpectName(string name)
    {
        if (!TakeName(name))
        {
            throw Unexpected($"expected '{name}'");
        }
    }

    public void ExpectOperator(string symbol)
    {
        if (!TakeOperator(symbol))
        {
            throw Unexpected($"expected '{symbol}'");
        }
    }

    /// <param name="expected">What should stand here: "expected ')'".</param>
    public TemplateException Unexpected(string expected) =>
        TemplateException.Syntax($"{expected}, found {Current.Description}", Current.At);

    /// <summary>Goes one level deeper; paired with <see cref="Leave"/>, except when an exception ends the parse.</summary>
    public void Enter()
    {
        if (++_depth > MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw TemplateException.Limit($"its syntax is nested more than {Math.Min(_depth, MaxDepth)} deep", Current.At);
        }
    }

    public void Leave() => _depth--;

    bool TakeIf(bool condition)
    {
        if (condition)
        {
            Take();
        }

        return condition;
    }
}
