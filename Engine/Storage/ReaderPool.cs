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
    readonly Action<Transfer, Transfer.Block> _serve;
    readonly Action<Transfer>? _served;
    readonly Thread[] _threads;
    long _begun;
    bool _isStopped;

    /// <param name="serve">Delivers one block whole, or throws what is to be reported.</param>
    /// <param name="served">Called once a transfer, after its last block and before anyone may see it complete.</param>
    public ReaderPool(int depth, string name, Action<Transfer, Transfer.Block> serve, Action<Transfer>? served = null)
    {
        _serve = serve;
        _served = served;
        _threads = new Thread[depth];
        for (var i = 0; i < depth; i++)
        {
            _threads[i] = new Thread(Serve, 256 * 1024) { IsBackground = true, Name = $"NvStream {name} {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>Queues a transfer and gives it the next <see cref="Transfer.Turn"/>, from 0.</summary>
    public void Begin(Transfer transfer)
    {
        int blocks;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isStopped, this);
            blocks = transfer.BlockCount;
            if (blocks > 0)
            {
                transfer.Turn = _begun++;
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
            }

            Exception? error = null;
            try
            {
                if (!transfer.IsCancelled)
                {
                    _serve(transfer, block);
                }
            }
            catch (Exception e)
            {
                // Whatever it is, it belongs to the one who waits: here it would end the process.
                error = e;
            }

            transfer.Finish(error, _served);
        }
    }
}
