using System.Text;

namespace NvStream.Inference;

/// <summary>
/// An answer as it grows: finds stop texts across token borders and lets out only text that cannot be part of one.
/// </summary>
sealed class AnswerText(IReadOnlyList<string> stops, int capacity, Action<string>? onText)
{
    readonly StringBuilder _text = new(capacity);
    readonly int _longestStop = stops.Count == 0 ? 0 : stops.Max(s => s.Length);
    int _released;

    /// <summary>Appends what a token added; true when a stop text is complete, which then ends the answer before it.</summary>
    public bool Append(string piece)
    {
        if (piece.Length == 0)
        {
            return false;
        }

        var searchFrom = Math.Max(0, _text.Length - _longestStop + 1);
        _text.Append(piece);
        if (_longestStop == 0)
        {
            Release(_text.Length);
            return false;
        }

        var tail = _text.ToString(searchFrom, _text.Length - searchFrom);
        var stopAt = -1;
        foreach (var stop in stops)
        {
            var at = tail.IndexOf(stop, StringComparison.Ordinal);
            stopAt = at >= 0 && (stopAt < 0 || at < stopAt) ? at : stopAt;
        }

        if (stopAt >= 0)
        {
            _text.Length = searchFrom + stopAt;
            Release(_text.Length);
            return true;
        }

        Release(_text.Length - LongestPartialStop(tail));
        return false;
    }

    /// <summary>Lets out what was held back and returns the whole answer.</summary>
    public string Finish()
    {
        Release(_text.Length);
        return _text.ToString();
    }

    /// <summary>Characters at the end that a stop text could begin with.</summary>
    int LongestPartialStop(string tail)
    {
        for (var length = Math.Min(_longestStop - 1, tail.Length); length > 0; length--)
        {
            foreach (var stop in stops)
            {
                if (length < stop.Length && tail.AsSpan(tail.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                {
                    return length;
                }
            }
        }

        return 0;
    }

    void Release(int end)
    {
        if (onText is not null && end > _released)
        {
            onText(_text.ToString(_released, end - _released));
        }

        _released = Math.Max(_released, end);
    }
}
