namespace NvStream.Tokenization.PreTokenization;

/// <summary>Runs of one set: \s?[set]{min,max}.</summary>
/// <param name="leadingSpace">Whether one white space before the run belongs to it.</param>
sealed class RunRule(CharSet set, bool leadingSpace = false, int min = 1, int max = int.MaxValue) : SplitRule
{
    public override void Split(CodePoints text, int start, int end, List<int> ends)
    {
        var position = start;
        while (position < end)
        {
            var from = leadingSpace && text.Is(position, CharKind.Space) ? position + 1 : position;
            var to = from;
            while (to < end && to - from < max && text.Is(to, set))
            {
                to++;
            }

            if (to - from < min)
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
}
