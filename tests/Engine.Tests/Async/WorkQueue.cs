using System.Collections.Concurrent;
using NvStream.Compute;

namespace NvStream.Tests.Async;

/// <summary>Work done in order by a thread of its own, some of it late; failures are kept for whoever asks.</summary>
sealed class WorkQueue : IDisposable
{
    readonly BlockingCollection<(Action Action, bool IsMark)> _work = [];
    readonly Thread _thread;
    int _pending;

    public WorkQueue(string name)
    {
        _thread = new(Run) { IsBackground = true, Name = name };
        _thread.Start();
    }

    public ConcurrentQueue<Exception> Failures { get; } = new();

    /// <summary>Whether everything added so far has been done.</summary>
    public bool IsIdle => Volatile.Read(ref _pending) == 0;

    public void Add(Action work)
    {
        Interlocked.Increment(ref _pending);
        _work.Add((work, false));
    }

    /// <summary>Adds what tells how far the work has come, and is no work itself.</summary>
    public void Mark(Action passed) => _work.Add((passed, true));

    public void WaitIdle()
    {
        using var done = new ManualResetEventSlim();
        Mark(done.Set);
        done.Wait();
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }

    void Run()
    {
        foreach (var (action, isMark) in _work.GetConsumingEnumerable())
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                Failures.Enqueue(e);
            }

            Interlocked.Add(ref _pending, isMark ? 0 : -1);
        }
    }
}

/// <summary>A fence that is recorded again and again; who waits, waits for the record that was the last when the wait was asked for.</summary>
sealed class QueueFence : IDeviceFence
{
    volatile TaskCompletionSource _passed = new();

    public bool IsComplete => _passed.Task.IsCompleted;

    public Task Current => _passed.Task;

    public void Record(WorkQueue queue)
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _passed = passed;
        queue.Mark(passed.SetResult);
    }

    public void Wait() => _passed.Task.Wait();
}
