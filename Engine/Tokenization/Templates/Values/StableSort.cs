namespace NvStream.Tokenization.Templates;

/// <summary>A merge sort: stable as Python's, and content with any comparison, also one that throws or contradicts itself.</summary>
static class StableSort
{
    public static List<T> Sort<T>(List<T> items, Func<T, T, int> compare)
    {
        T[] from = [.. items];
        var to = new T[from.Length];
        for (long width = 1; width < from.Length; width *= 2)
        {
            for (long start = 0; start < from.Length; start += 2 * width)
            {
                long middle = Math.Min(start + width, from.Length);
                long end = Math.Min(start + 2 * width, from.Length);
                long left = start;
                long right = middle;
                for (long i = start; i < end; i++)
                {
                    bool takesLeft = left < middle && (right >= end || compare(from[left], from[right]) <= 0);
                    to[i] = takesLeft ? from[left++] : from[right++];
                }
            }

            (from, to) = (to, from);
        }

        return [.. from];
    }
}
