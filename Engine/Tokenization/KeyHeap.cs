using System.Buffers;

namespace NvStream.Tokenization;

/// <summary>A priority queue of 64-bit keys, lowest first, in one pooled array; four children a node, for the cache.</summary>
sealed class KeyHeap : IDisposable
{
    ulong[] _keys = [];
    int _count;

    public void Clear() => _count = 0;

    public void Push(ulong key)
    {
        if (_count == _keys.Length)
        {
            Grow();
        }

        var hole = _count++;
        while (hole > 0)
        {
            var parent = (hole - 1) >> 2;
            if (_keys[parent] <= key)
            {
                break;
            }

            _keys[hole] = _keys[parent];
            hole = parent;
        }

        _keys[hole] = key;
    }

    public bool TryPop(out ulong key)
    {
        if (_count == 0)
        {
            key = 0;
            return false;
        }

        key = _keys[0];
        var moved = _keys[--_count];
        var hole = 0;
        while (true)
        {
            var first = (hole << 2) + 1;
            if (first >= _count)
            {
                break;
            }

            var least = first;
            for (var child = first + 1; child < Math.Min(first + 4, _count); child++)
            {
                if (_keys[child] < _keys[least])
                {
                    least = child;
                }
            }

            if (_keys[least] >= moved)
            {
                break;
            }

            _keys[hole] = _keys[least];
            hole = least;
        }

        _keys[hole] = moved;
        return true;
    }

    public void Dispose()
    {
        Return();
        _keys = [];
        _count = 0;
    }

    void Grow()
    {
        var larger = ArrayPool<ulong>.Shared.Rent(Math.Max(64, _count * 2));
        _keys.AsSpan(0, _count).CopyTo(larger);
        Return();
        _keys = larger;
    }

    void Return()
    {
        if (_keys.Length > 0)
        {
            ArrayPool<ulong>.Shared.Return(_keys);
        }
    }
}
