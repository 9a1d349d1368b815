using System.Diagnostics;

namespace NvStream.Storage;

/// <summary>
/// Threads that serve transfers block by block, each with one positional read in flight. Blocks are a MiB or so, so
/// one lock a block costs nothing beside the read.
/// </summary>
sealed class ReaderPool : IDisposable
{
    readonly Lock _lock = new();
    readonly SemaphoreSlim _blocks = new(0);
    readonly Queue<Transfer> _queue = new();
    readonly Action<Transfer.Block> _read;
    readonly Thread[] _threads;
    int _inFlight;
    long _busySince;
    long _busyTicks;
    bool _isStopped;

    /// <param name="read">Reads one block whole, or throws what is to be reported.</param>
    public ReaderPool(int depth, string name, Action<Transfer.Block> read)
    {
        _read = read;
        _threads = new Thread[depth];
        for (var i = 0; i < depth; i++)
        {
            _threads[i] = new Thread(Serve, 256 * 1024) { IsBackground = true, Name = $"NvStream {name} {i}" };
            _threads[i].Start();
        }
    }

    public TimeSpan BusyTime
    {
        get
        {
            lock (_lock)
            {
                var running = _inFlight > 0 ? Stopwatch.GetTimestamp() - _busySince : 0;
                return Stopwatch.GetElapsedTime(0, _busyTicks + running);
            }
        }
    }

    public void Begin(Transfer transfer)
    {
        int blocks;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isStopped, this);
            blocks = transfer.BlockCount;
            if (blocks > 0)
            {
                _queue.Enqueue(transfer);
            }
        }

        if (blocks > 0)
        {
            _blocks.Release(blocks);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isStopped)
            {
                return;
            }

            _isStopped = true;
            foreach (var transfer in _queue)
            {
                transfer.Cancel();
            }
        }

        // One permit a thread on top of those for blocks: every queued block is dropped, then every thread ends.
        _blocks.Release(_threads.Length);
        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _blocks.Dispose();
    }

    void Serve()
    {
        while (true)
        {
            _blocks.Wait();
            Transfer transfer;
            Transfer.Block block;
            lock (_lock)
            {
                if (!_queue.TryPeek(out var next))
                {
                    return;
                }

                transfer = next;
                block = transfer.Claim();
                if (!transfer.HasUnclaimed)
                {
                    _queue.Dequeue();
                }

                if (_inFlight++ == 0)
                {
                    _busySince = Stopwatch.GetTimestamp();
                }
            }

            Exception? error = null;
            try
            {
                if (!transfer.IsCancelled)
                {
                    transfer.AwaitFence();
                    _read(block);
                }
            }
            catch (Exception e)
            {
                // Whatever it is, it belongs to the one who waits: here it would end the process.
                error = e;
            }

            lock (_lock)
            {
                if (--_inFlight == 0)
                {
                    _busyTicks += Stopwatch.GetTimestamp() - _busySince;
                }
            }

            transfer.Finish(error);
        }
    }
}
