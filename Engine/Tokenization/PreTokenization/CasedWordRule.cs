namespace NvStream.Tokenization.PreTokenization;

/// <summary>
/// Tekken and GPT-4o, which begin a new word where lower case turns to upper case:
/// [^\r\n\p{L}\p{N}]?U*L+C?|[^\r\n\p{L}\p{N}]?U+L*C?|\p{N}{1,maxDigits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// where, as in the reference, U is every letter but a-z and L every letter but A-Z, and C is (?i:'s|'t|'re|'ve|'m|'ll|'d)
/// if contractions belong to the word, else nothing.
/// </summary>
sealed class CasedWordRule(int maxDigits, bool contractions) : SplitRule
{
    const CharKind Rest = CharKind.Mark | CharKind.Punctuation | CharKind.Symbol | CharKind.Other;

    public override void Split(CodePoints text, int start, int end, List<int> ends)
    {
        while (start < end)
        {
            start = Match(text, start, end);
            ends.Add(start);
        }
    }

    int Match(CodePoints text, int start, int end)
    {
        if (text.Is(start, CharKind.Number))
        {
            return text.EndOfRun(start, (int)Math.Min(end, (long)start + maxDigits), CharKind.Number);
        }

        var next = start + 1;
        var word = text.Is(start, CharKind.Letter) ? start : next;
        if (word == start || (next < end && !text.IsNewline(start) && text.Is(next, CharKind.Letter)))
        {
            var to = MatchWord(text, word, end);
            return contractions ? MatchContraction(text, to, end, caseFold: 0x20) : to;
        }

        var other = text[start] == ' ' && next < end ? next : start;
        if (text.Is(other, Rest))
        {
            var to = text.EndOfRun(other, end, Rest);
            while (to < end && (text.IsNewline(to) || text[to] == '/'))
            {
                to++;
            }

            return to;
        }

        return MatchLinesOrSpaces(text, start, end);
    }

    static int MatchWord(CodePoints text, int start, int end)
    {
        var upper = start;
        while (upper < end && IsUpper(text, upper))
        {
            upper++;
        }

        var lower = upper;
        while (lower < end && IsLower(text, lower))
        {
            lower++;
        }

        if (lower > upper)
        {
            return lower;
        }

        // U*L+ gives back until an L can follow: letters without case are both, ASCII capitals are not.
        for (var last = upper; last > start; last--)
        {
            if (IsLower(text, last - 1))
            {
                return last;
            }
        }

        return upper;
    }

    static bool IsUpper(CodePoints text, int position) =>
        text.Is(position, CharKind.Letter) && text[position] is not (>= 'a' and <= 'z');

    static bool IsLower(CodePoints text, int position) =>
        text.Is(position, CharKind.Letter) && text[position] is not (>= 'A' and <= 'Z');
}
