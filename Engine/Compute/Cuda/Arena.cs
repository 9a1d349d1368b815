namespace NvStream.Compute.Cuda;

/// <summary>
/// Who has which part of a block of memory; offsets only, no memory is touched. First fit, so that what is allocated in
/// one go lies together. Safe to call from any thread: memory may be returned by the finalizer.
/// </summary>
internal sealed class Arena(long length)
{
    /// <summary>Every cut starts at a multiple of this and takes a multiple of it.</summary>
    public const int Alignment = 4096;

    readonly Lock gate = new();
    readonly List<(long Start, long Length)> gaps = [(0, length)];
    long untouched;

    public long Length => length;

    public long FreeBytes
    {
        get
        {
            lock (gate)
            {
                return gaps.Sum(g => g.Length);
            }
        }
    }

    /// <summary>Bytes that a cut of this size takes; even an empty one has a place.</summary>
    public static long Taken(long bytes) => checked(Math.Max(bytes, 1) + Alignment - 1) & -Alignment;

    /// <summary>The offset of a part of this size; null where no gap is large enough.</summary>
    /// <param name="isFresh">Whether nobody had any of it before.</param>
    public long? Cut(long bytes, out bool isFresh)
    {
        isFresh = false;
        if (bytes > length)
        {
            return null;
        }

        var taken = Taken(bytes);
        lock (gate)
        {
            for (var i = 0; i < gaps.Count; i++)
            {
                var (start, room) = gaps[i];
                if (room < taken)
                {
                    continue;
                }

                if (room == taken)
                {
                    gaps.RemoveAt(i);
                }
                else
                {
                    gaps[i] = (start + taken, room - taken);
                }

                isFresh = start >= untouched;
                untouched = Math.Max(untouched, start + taken);
                return start;
            }
        }

        return null;
    }

    /// <param name="bytes">As given to <see cref="Cut"/>.</param>
    public void Return(long start, long bytes)
    {
        var taken = Taken(bytes);
        lock (gate)
        {
            var next = gaps.FindIndex(g => g.Start > start);
            var i = next < 0 ? gaps.Count : next;
            gaps.Insert(i, (start, taken));
            MergeWithNext(i);
            if (i > 0)
            {
                MergeWithNext(i - 1);
            }
        }
    }

    void MergeWithNext(int i)
    {
        if (i + 1 < gaps.Count && gaps[i].Start + gaps[i].Length == gaps[i + 1].Start)
        {
            gaps[i] = (gaps[i].Start, gaps[i].Length + gaps[i + 1].Length);
            gaps.RemoveAt(i + 1);
        }
    }
}
