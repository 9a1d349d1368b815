namespace NvStream.Tokenization.Templates;

enum TokenKind
{
    Text,
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <param name="Text">A string's value after its escapes, or the source of any other token.</param>
/// <param name="Integer">The value of an <see cref="TokenKind.Integer"/>.</param>
/// <param name="Float">The value of a <see cref="TokenKind.Float"/>.</param>
readonly record struct Token(TokenKind Kind, string Text, Position At, long Integer = 0, double Float = 0)
{
    public bool IsOperator(string text) => Kind == TokenKind.Operator && Text == text;

    public bool IsName(string text) => Kind == TokenKind.Name && Text == text;

    /// <summary>The token as error messages name it.</summary>
    public string Description => Kind switch
    {
        TokenKind.Text => "text",
        TokenKind.VariableBegin => "'{{'",
        TokenKind.VariableEnd => "'}}'",
        TokenKind.BlockBegin => "'{%'",
        TokenKind.BlockEnd => "'%}'",
        TokenKind.String => "a string",
        TokenKind.End => "the end of the template",
        _ => $"'{Text}'",
    };
}
