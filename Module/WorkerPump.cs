using System.Threading.Channels;

namespace NvStream.Commands;

/// <summary>
/// Carries messages from worker threads to the pipeline thread, which alone may call Write*. Workers post; the pipeline
/// thread runs what was posted while it waits. Every wait ends at once when <paramref name="stopping"/> is cancelled.
/// </summary>
sealed class WorkerPump(CancellationToken stopping)
{
    readonly Channel<Action> _messages = Channel.CreateBounded<Action>(new BoundedChannelOptions(256) { SingleReader = true });
    Task<bool>? _arrival;

    /// <summary>From any thread: hands over a message, waiting while the pipeline thread is far behind.</summary>
    /// <exception cref="OperationCanceledException">The pipeline stops.</exception>
    public void Post(Action message)
    {
        if (!_messages.Writer.TryWrite(message))
        {
            _messages.Writer.WriteAsync(message, stopping).AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>From any thread, never waiting: for what may be lost when the pipeline thread is far behind.</summary>
    public void TryPost(Action message) => _messages.Writer.TryWrite(message);

    /// <summary>From any thread, never waiting: makes the pipeline thread look at what it waits for.</summary>
    public void Wake() => TryPost(static () => { });

    /// <summary>On the pipeline thread: runs what has been posted.</summary>
    public void Drain()
    {
        while (_messages.Reader.TryRead(out var message))
        {
            message();
        }
    }

    /// <summary>On the pipeline thread: runs messages as they come until the task has ended, whichever way.</summary>
    /// <param name="awake">Called whenever messages have come.</param>
    /// <exception cref="OperationCanceledException">The pipeline stops.</exception>
    public void WaitFor(Task task, Action? awake = null)
    {
        while (!task.IsCompleted)
        {
            Drain();
            awake?.Invoke();
            if (_arrival is null or { IsCompleted: true })
            {
                _arrival = _messages.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
            }

            Task.WaitAny([task, _arrival], stopping);
        }

        stopping.ThrowIfCancellationRequested();
        Drain();
    }

    /// <summary>On the pipeline thread: lets a worker thread do the work and runs its messages meanwhile.</summary>
    /// <param name="abandoned">Gets the result of work that ends after the pipeline thread has left.</param>
    /// <exception cref="OperationCanceledException">The pipeline stops.</exception>
    public T Run<T>(Func<T> work, Action<T>? abandoned = null)
    {
        var task = Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            WaitFor(task);
        }
        catch
        {
            Settle(abandoned is null
                ? task
                : task.ContinueWith(t => abandoned(t.Result), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default));
            throw;
        }

        return task.GetAwaiter().GetResult();
    }

    /// <summary>Gives cancelled work a moment to free what it holds, but never the user a reason to wait.</summary>
    public static void Settle(params IEnumerable<Task> tasks)
    {
        var all = Task.WhenAll(tasks);
        Task.WaitAny([all], TimeSpan.FromMilliseconds(500));
        _ = all.Exception;
    }
}
