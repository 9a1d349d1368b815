namespace NvStream.Tokenization.Templates;

/// <summary>
/// Cuts a template into text, tags and the tokens inside tags, and applies the whitespace rules, which are those of
/// Jinja2 with <c>trim_blocks</c> and <c>lstrip_blocks</c> on, as chat templates are written for: a line break right
/// after <c>%}</c> or <c>#}</c> goes, and so does the blank space between a line's start and <c>{%</c> or <c>{#</c>;
/// <c>-</c> inside a delimiter strips all whitespace on that side, <c>+</c> keeps it. One line break at the very end
/// of the template is dropped.
/// </summary>
sealed class Lexer
{
    /// <summary>Characters of the longest template that is read; those in use have at most some tens of thousands.</summary>
    public const int MaxSource = 4 << 20;

    const int MaxName = 256;

    readonly string _source;
    readonly SourceMap _map;
    readonly List<Token> _tokens = [];
    readonly Stack<char> _brackets = new();
    int _at;
    bool _atLineStart = true;

    public Lexer(string source)
    {
        if (source.Length > MaxSource)
        {
            throw TemplateException.Limit($"it has {source.Length} characters, more than {MaxSource}", new Position(1, 1));
        }

        source = source.Replace("\r\n", "\n").Replace('\r', '\n');
        _source = source.EndsWith('\n') ? source[..^1] : source;
        _map = new SourceMap(_source);
    }

    /// <summary>All tokens; the last is <see cref="TokenKind.End"/>.</summary>
    public List<Token> Tokenize()
    {
        while (_at < _source.Length)
        {
            int open = FindTag(_at);
            if (open < 0)
            {
                AddText(_source[_at..], _at);
                _at = _source.Length;
                break;
            }

            Tag(open);
        }

        _tokens.Add(new Token(TokenKind.End, "", _map[_source.Length]));
        return _tokens;
    }

    char Peek(int offset) => offset < _source.Length ? _source[offset] : '\0';

    bool Matches(int offset, string text) => string.CompareOrdinal(_source, offset, text, 0, text.Length) == 0;

    int SkipSpace(int offset)
    {
        while (offset < _source.Length && PythonText.IsSpace(_source[offset]))
        {
            offset++;
        }

        return offset;
    }

    int FindTag(int from)
    {
        for (int i = _source.IndexOf('{', from); i >= 0; i = _source.IndexOf('{', i + 1))
        {
            if (Peek(i + 1) is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    void AddText(string text, int offset)
    {
        if (text.Length > 0)
        {
            _tokens.Add(new Token(TokenKind.Text, text, _map[offset]));
        }
    }

    /// <summary>The text between <see cref="_at"/> and a tag, stripped as the tag's sign asks.</summary>
    void AddTextBefore(int open, char sign, bool isVariable)
    {
        string text = _source[_at..open];
        if (sign == '-')
        {
            text = PythonText.Strip(text, null, left: false, right: true);
        }
        else if (sign != '+' && !isVariable)
        {
            int lineStart = text.LastIndexOf('\n') + 1;
            if ((lineStart > 0 || _atLineStart) && SkipSpace(_at + lineStart) >= open)
            {
                text = text[..lineStart];
            }
        }

        AddText(text, _at);
    }

    void Tag(int open)
    {
        char kind = _source[open + 1];
        int inside = open + 2;
        char sign = Peek(inside) is '-' or '+' ? _source[inside] : '\0';
        if (sign != '\0')
        {
            inside++;
        }

        AddTextBefore(open, sign, kind == '{');
        if (kind == '#')
        {
            int close = _source.IndexOf("#}", inside, StringComparison.Ordinal);
            if (close < 0)
            {
                throw TemplateException.Syntax("a comment has no end '#}'", _map[open]);
            }

            Close(close, close > inside ? _source[close - 1] : '\0', trims: true);
        }
        else if (kind == '%' && RawBody(inside) is int body)
        {
            Raw(open, body);
        }
        else
        {
            bool isBlock = kind == '%';
            _tokens.Add(new Token(isBlock ? TokenKind.BlockBegin : TokenKind.VariableBegin, "", _map[open]));
            _at = inside;
            Expression(isBlock);
        }
    }

    /// <summary>Steps over a two-character closing delimiter and the whitespace that its sign strips.</summary>
    void Close(int close, char sign, bool trims)
    {
        _at = close + 2;
        if (sign == '-')
        {
            _at = SkipSpace(_at);
        }
        else if (sign != '+' && trims && Peek(_at) == '\n')
        {
            _at++;
        }

        _atLineStart = _source[_at - 1] == '\n';
    }

    /// <summary>Where the body of <c>{% raw %}</c> begins, when that is the tag at hand.</summary>
    int? RawBody(int inside)
    {
        int name = SkipSpace(inside);
        if (!Matches(name, "raw"))
        {
            return null;
        }

        int end = SkipSpace(name + 3);
        return Matches(end, "-%}") ? SkipSpace(end + 3) : Matches(end, "%}") ? end + 2 : null;
    }

    void Raw(int open, int body)
    {
        _atLineStart = _source[body - 1] == '\n';
        _at = body;
        for (int i = _source.IndexOf("{%", body, StringComparison.Ordinal); i >= 0; i = _source.IndexOf("{%", i + 2, StringComparison.Ordinal))
        {
            char sign = Peek(i + 2) is '-' or '+' ? _source[i + 2] : '\0';
            int name = SkipSpace(i + (sign == '\0' ? 2 : 3));
            if (!Matches(name, "endraw"))
            {
                continue;
            }

            int end = SkipSpace(name + 6);
            char endSign = Peek(end) is '-' or '+' ? _source[end] : '\0';
            end += endSign == '\0' ? 0 : 1;
            if (Matches(end, "%}"))
            {
                AddTextBefore(i, sign, isVariable: false);
                Close(end, endSign, trims: true);
                return;
            }
        }

        throw TemplateException.Syntax("'{% raw %}' has no '{% endraw %}'", _map[open]);
    }

    void Expression(bool isBlock)
    {
        string end = isBlock ? "%}" : "}}";
        _brackets.Clear();
        while (true)
        {
            _at = SkipSpace(_at);
            if (_at >= _source.Length)
            {
                return;
            }

            if (_brackets.Count == 0)
            {
                char sign = Peek(_at) is '-' || (isBlock && Peek(_at) is '+') ? _source[_at] : '\0';
                int close = sign == '\0' ? _at : _at + 1;
                if (Matches(close, end))
                {
                    _tokens.Add(new Token(isBlock ? TokenKind.BlockEnd : TokenKind.VariableEnd, "", _map[_at]));
                    Close(close, sign, trims: isBlock);
                    return;
                }
            }

            char c = _source[_at];
            if (char.IsAsciiDigit(c))
            {
                Number();
            }
            else if (c == '_' || char.IsLetter(c))
            {
                Name();
            }
            else if (c is '\'' or '"')
            {
                String(c);
            }
            else
            {
                Operator();
            }
        }
    }

    void Name()
    {
        int start = _at;
        while (_at < _source.Length && (_source[_at] == '_' || char.IsLetterOrDigit(_source[_at])))
        {
            _at++;
        }

        if (_at - start > MaxName)
        {
            throw TemplateException.Limit($"a name has {_at - start} characters, more than {MaxName}", _map[start]);
        }

        _tokens.Add(new Token(TokenKind.Name, _source[start.._at], _map[start]));
    }

    void String(char quote)
    {
        int start = _at++;
        while (_at < _source.Length && _source[_at] != quote)
        {
            _at += _source[_at] == '\\' ? 2 : 1;
        }

        if (_at >= _source.Length)
        {
            throw TemplateException.Syntax("a string has no end", _map[start]);
        }

        string value = StringLiteral.Unescape(_source[(start + 1).._at], _map[start]);
        _at++;
        _tokens.Add(new Token(TokenKind.String, value, _map[start]));
    }

    void Number()
    {
        int end = NumberLiteral.Read(_source, _at, _map[_at], out Token token);
        _tokens.Add(token);
        _at = end;
    }

    void Operator()
    {
        string text = _source.AsSpan(_at, Math.Min(2, _source.Length - _at)) is "**" or "//" or "==" or "!=" or ">=" or "<="
            ? _source.Substring(_at, 2)
            : _source.Substring(_at, 1);
        char c = text[0];
        if (text.Length == 1 && !"+-/*%~[](){}<>=.:|,;".Contains(c))
        {
            throw TemplateException.Syntax($"unexpected character {PythonText.Quote(text)}", _map[_at]);
        }

        if (c is '(' or '[' or '{')
        {
            _brackets.Push(c == '(' ? ')' : c == '[' ? ']' : '}');
        }
        else if (c is ')' or ']' or '}' && (!_brackets.TryPop(out char expected) || expected != c))
        {
            throw TemplateException.Syntax($"unexpected '{c}'", _map[_at]);
        }

        _tokens.Add(new Token(TokenKind.Operator, text, _map[_at]));
        _at += text.Length;
    }
}
