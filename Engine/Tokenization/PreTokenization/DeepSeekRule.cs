namespace NvStream.Tokenization.PreTokenization;

/// <summary>
/// The last expression of DeepSeek-V3:
/// [ASCII punctuation and symbols][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// </summary>
sealed class DeepSeekRule : SplitRule
{
    const CharKind Marks = CharKind.Punctuation | CharKind.Symbol;
    const CharKind Letters = CharKind.Letter | CharKind.Mark;

    public override void Split(CodePoints text, int start, int end, List<int> ends)
    {
        var position = start;
        while (position < end)
        {
            var to = Match(text, position, end);
            if (to == position)
            {
                position++;
                continue;
            }

            if (position > start)
            {
                ends.Add(position);
            }

            ends.Add(to);
            position = start = to;
        }

        if (start < end)
        {
            ends.Add(end);
        }
    }

    // Numbers, controls and the like match nothing where no letter follows.
    static int Match(CodePoints text, int start, int end)
    {
        var next = start + 1;
        if (text.Is(start, Marks))
        {
            var word = next;
            while (word < end && text[start] < 0x80 && text[word] < 0x80 && text.Is(word, CharKind.Letter))
            {
                word++;
            }

            return word > next ? word : text.EndOfNewlines(text.EndOfRun(start, end, Marks), end);
        }

        if (next < end && text.Is(next, Letters) && !text.IsNewline(start))
        {
            return text.EndOfRun(next, end, Letters);
        }

        if (text.Is(start, Letters))
        {
            return next;
        }

        if (text[start] == ' ' && next < end && text.Is(next, Marks))
        {
            return text.EndOfNewlines(text.EndOfRun(next, end, Marks), end);
        }

        return text.Is(start, CharKind.Space) ? MatchLinesOrSpaces(text, start, end) : start;
    }
}
