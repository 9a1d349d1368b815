namespace NvStream.Tokenization.PreTokenization;

/// <summary>
/// One regular expression of a pre-tokenizer, as a scanner that takes time linear in the text: a piece that it is given
/// falls into the matches and what lies between them.
/// </summary>
abstract class SplitRule
{
    /// <summary>
    /// Appends the ends of the parts of [start, end), in order; the last one is <paramref name="end"/>. Nothing outside
    /// is looked at.
    /// </summary>
    public abstract void Split(CodePoints text, int start, int end, List<int> ends);

    /// <summary>
    /// The end of the match of \s+(?!\S)|\s+ at a white-space position: the space before a word is left for the word.
    /// </summary>
    protected static int MatchSpaces(CodePoints text, int start, int end)
    {
        var run = text.EndOfRun(start, end, CharKind.Space);
        return run < end && run - start > 1 ? run - 1 : run;
    }

    /// <summary>The same with \s*[\r\n]+ tried before: through the last line break of the white space.</summary>
    protected static int MatchLinesOrSpaces(CodePoints text, int start, int end)
    {
        var run = text.EndOfRun(start, end, CharKind.Space);
        for (var last = run; last > start; last--)
        {
            if (text.IsNewline(last - 1))
            {
                return last;
            }
        }

        return run < end && run - start > 1 ? run - 1 : run;
    }

    /// <summary>
    /// The end of the match of 's|'t|'re|'ve|'m|'ll|'d, or <paramref name="start"/>.
    /// </summary>
    /// <param name="caseFold">32 to take upper-case letters too, else 0.</param>
    protected static int MatchContraction(CodePoints text, int start, int end, int caseFold)
    {
        if (start + 1 >= end || text[start] != '\'')
        {
            return start;
        }

        var first = text[start + 1] | caseFold;
        if (first is 's' or 't' or 'm' or 'd')
        {
            return start + 2;
        }

        if (start + 2 >= end)
        {
            return start;
        }

        var second = text[start + 2] | caseFold;
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? start + 3 : start;
    }
}
