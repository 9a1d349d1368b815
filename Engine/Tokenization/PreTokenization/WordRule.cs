namespace NvStream.Tokenization.PreTokenization;

/// <summary>
/// Llama 3 and its kin:
/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?L+|\p{N}{1,maxDigits}| ?[^\s\p{N}L]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
/// where L is \p{L}, or [\p{L}\p{M}].
/// </summary>
/// <param name="marks">Whether combining marks count as letters.</param>
sealed class WordRule(int maxDigits, bool marks = false) : SplitRule
{
    readonly CharKind _letters = CharKind.Letter | (marks ? CharKind.Mark : 0);
    readonly CharKind _rest = CharKind.Punctuation | CharKind.Symbol | CharKind.Other | (marks ? 0 : CharKind.Mark);

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
        var contraction = MatchContraction(text, start, end, caseFold: 0x20);
        if (contraction > start)
        {
            return contraction;
        }

        if (text.Is(start, _letters))
        {
            return text.EndOfRun(start, end, _letters);
        }

        if (text.Is(start, CharKind.Number))
        {
            return text.EndOfRun(start, (int)Math.Min(end, (long)start + maxDigits), CharKind.Number);
        }

        var next = start + 1;
        if (next < end && !text.IsNewline(start) && text.Is(next, _letters))
        {
            return text.EndOfRun(next, end, _letters);
        }

        var other = text[start] == ' ' && next < end ? next : start;
        if (text.Is(other, _rest))
        {
            return text.EndOfNewlines(text.EndOfRun(other, end, _rest), end);
        }

        return MatchLinesOrSpaces(text, start, end);
    }
}
