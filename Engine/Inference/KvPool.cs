namespace NvStream.Inference;

/// <summary>
/// Which cells of the KV cache belong to whom. A sequence takes one run of cells for its whole life (prompt and the
/// longest answer), so its keys lie together and kernels need no block tables. First fit over a sorted list of gaps.
/// </summary>
sealed class KvPool(int tokens)
{
    readonly List<(int Start, int Length)> _gaps = [(0, tokens)];

    public int Tokens => tokens;

    public int FreeTokens => _gaps.Sum(g => g.Length);

    /// <summary>The first cell of a run, or null where no gap is long enough.</summary>
    public int? Allocate(int length)
    {
        for (var i = 0; i < _gaps.Count; i++)
        {
            var (start, gap) = _gaps[i];
            if (gap < length)
            {
                continue;
            }

            if (gap == length)
            {
                _gaps.RemoveAt(i);
            }
            else
            {
                _gaps[i] = (start + length, gap - length);
            }

            return start;
        }

        return null;
    }

    public void Free(int start, int length)
    {
        var i = _gaps.FindIndex(g => g.Start > start) is var next and >= 0 ? next : _gaps.Count;
        _gaps.Insert(i, (start, length));
        MergeWithNext(i);
        if (i > 0)
        {
            MergeWithNext(i - 1);
        }
    }

    void MergeWithNext(int i)
    {
        if (i + 1 < _gaps.Count && _gaps[i].Start + _gaps[i].Length == _gaps[i + 1].Start)
        {
            _gaps[i] = (_gaps[i].Start, _gaps[i].Length + _gaps[i + 1].Length);
            _gaps.RemoveAt(i + 1);
        }
    }
}
