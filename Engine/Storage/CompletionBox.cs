namespace NvStream.Storage;

/// <summary>What reads on other threads have come to, for the one that reaps them.</summary>
sealed class CompletionBox
{
    readonly object _lock = new();
    readonly Queue<ReadCompletion> _ended = new();
    bool _isWoken;

    public void Add(in ReadCompletion completion)
    {
        lock (_lock)
        {
            _ended.Enqueue(completion);
            Monitor.Pulse(_lock);
        }
    }

    public void Wake()
    {
        lock (_lock)
        {
            _isWoken = true;
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>As <see cref="IReadQueue.Reap"/>.</summary>
    public int Reap(Span<ReadCompletion> completions, TimeSpan wait)
    {
        lock (_lock)
        {
            if (_ended.Count == 0 && !_isWoken && wait > TimeSpan.Zero)
            {
                Monitor.Wait(_lock, wait);
            }

            _isWoken = false;
            var count = 0;
            while (count < completions.Length && _ended.TryDequeue(out completions[count]))
            {
                count++;
            }

            return count;
        }
    }
}
