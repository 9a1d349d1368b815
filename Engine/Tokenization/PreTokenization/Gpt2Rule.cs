namespace NvStream.Tokenization.PreTokenization;

/// <summary>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</summary>
sealed class Gpt2Rule : SplitRule
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

    static int Match(CodePoints text, int start, int end)
    {
        var contraction = MatchContraction(text, start, end, caseFold: 0);
        if (contraction > start)
        {
            return contraction;
        }

        var word = text[start] == ' ' && start + 1 < end ? start + 1 : start;
        foreach (var kinds in (ReadOnlySpan<CharKind>)[CharKind.Letter, CharKind.Number, Rest])
        {
            if (text.Is(word, kinds))
            {
                return text.EndOfRun(word, end, kinds);
            }
        }

        return MatchSpaces(text, start, end);
    }
}
