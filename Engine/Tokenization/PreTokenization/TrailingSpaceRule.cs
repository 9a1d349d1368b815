namespace NvStream.Tokenization.PreTokenization;

/// <summary>\s+$</summary>
sealed class TrailingSpaceRule : SplitRule
{
    public override void Split(CodePoints text, int start, int end, List<int> ends)
    {
        var space = end;
        while (space > start && text.Is(space - 1, CharKind.Space))
        {
            space--;
        }

        if (space > start)
        {
            ends.Add(space);
        }

        if (space < end)
        {
            ends.Add(end);
        }
    }
}
