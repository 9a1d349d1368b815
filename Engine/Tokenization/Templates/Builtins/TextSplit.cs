namespace NvStream.Tokenization.Templates;

/// <summary><c>split</c>, <c>rsplit</c> and <c>splitlines</c> of strings.</summary>
static class TextSplit
{
    /// <param name="separator">Null for runs of white space, which also strips the ends.</param>
    /// <param name="most">Splits at most; negative for all.</param>
    public static List<string> Split(Run run, string text, string? separator, long most, bool fromRight)
    {
        run.ChargeText(text.Length + (separator?.Length ?? 0));
        most = most < 0 ? long.MaxValue : most;
        if (separator is null)
        {
            return fromRight ? WordsFromRight(run, text, most) : Words(run, text, most);
        }

        if (separator.Length == 0)
        {
            throw run.Fail("split() by an empty separator");
        }

        var places = most == 0 ? [] : fromRight ? TextSearch.FindAllFromRight(text, separator, most) : new TextSearch(separator).FindAll(text, most);
        run.ChargeItems(places.Count + 1);
        run.ChargeText(text.Length);
        var pieces = new List<string>(places.Count + 1);
        int from = 0;
        foreach (int place in places)
        {
            pieces.Add(text[from..place]);
            from = place + separator.Length;
        }

        pieces.Add(text[from..]);
        return pieces;
    }

    public static List<string> Lines(Run run, string text, bool keepEnds)
    {
        run.ChargeText(2L * text.Length);
        var lines = new List<string>();
        for (int from = 0, i = 0; i < text.Length || from < text.Length; i++)
        {
            if (i < text.Length && !PythonText.IsLineBreak(text[i]))
            {
                continue;
            }

            run.Step();
            int end = i;
            i += i + 1 < text.Length && text[i] == '\r' && text[i + 1] == '\n' ? 1 : 0;
            int next = Math.Min(i + 1, text.Length);
            lines.Add(text[from..(keepEnds ? next : end)]);
            from = next;
        }

        return lines;
    }

    static List<string> Words(Run run, string text, long most)
    {
        run.ChargeText(text.Length);
        var words = new List<string>();
        for (int i = SkipSpace(text, 0); i < text.Length; i = SkipSpace(text, i))
        {
            run.Step();
            int start = i;
            if (words.Count >= most)
            {
                words.Add(text[start..]);
                break;
            }

            while (i < text.Length && !PythonText.IsSpace(text[i]))
            {
                i++;
            }

            words.Add(text[start..i]);
        }

        return words;
    }

    static List<string> WordsFromRight(Run run, string text, long most)
    {
        run.ChargeText(text.Length);
        var words = new List<string>();
        int end = text.Length;
        while (true)
        {
            run.Step();
            while (end > 0 && PythonText.IsSpace(text[end - 1]))
            {
                end--;
            }

            if (end == 0)
            {
                break;
            }

            int start = end;
            while (start > 0 && !PythonText.IsSpace(text[start - 1]))
            {
                start--;
            }

            start = words.Count >= most ? 0 : start;
            words.Add(text[start..end]);
            end = words.Count > most ? 0 : start;
        }

        words.Reverse();
        return words;
    }

    static int SkipSpace(string text, int at)
    {
        while (at < text.Length && PythonText.IsSpace(text[at]))
        {
            at++;
        }

        return at;
    }
}
