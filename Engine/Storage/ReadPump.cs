namespace NvStream.Storage;

/// <summary>
/// One thread that takes the blocks of queued transfers in order, keeps as many reads in flight as the queue takes, and
/// lets blocks land transfer by transfer: one that has to wait holds up none that is needed before it. Short and
/// interrupted reads are asked for again; one that does not end in time is given up, and what it was to fill fails.
/// Blocks are 256 KiB and more, so a few hundred nanoseconds a block cost nothing beside the read.
/// </summary>
sealed class ReadPump : IDisposable
{
    /// <summary>How often the device is asked whether it is done with the memory that a read waits for.</summary>
    static readonly TimeSpan s_placeInterval = TimeSpan.FromMilliseconds(0.5);
    static readonly TimeSpan s_longWait = TimeSpan.FromSeconds(1);

    readonly Lock _lock = new();
    readonly Queue<Transfer> _begun = new();
    readonly AutoResetEvent _work = new(false);
    readonly ManualResetEventSlim _over = new(false);
    readonly IReadQueue _queue;
    readonly StoredFiles _files;
    readonly ILanding _landing;
    readonly RouteKind _kind;
    readonly RouteOptions _options;
    readonly ReadsInFlight _reads;
    readonly Thread _thread;
    readonly Action? _onStart;

    // The thread's own.
    readonly List<PumpTurn> _turns = [];
    readonly Stack<PumpTurn> _spareTurns = new();
    Transfer.Block _unplaced;
    PumpTurn? _unplacedTurn;
    volatile bool _isWaiting;
    volatile bool _isStopped;
    StorageException? _failure;

    /// <param name="queue">Owned, like <paramref name="files"/> and <paramref name="landing"/>: freed when the last read has ended.</param>
    /// <param name="onStart">Called first of all by the pump's thread.</param>
    public ReadPump(RouteKind kind, IReadQueue queue, StoredFiles files, ILanding landing, RouteOptions options, Action? onStart = null)
    {
        _kind = kind;
        _queue = queue;
        _files = files;
        _landing = landing;
        _options = options;
        _onStart = onStart;
        _reads = new(kind, queue, files, landing, options);
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = $"NvStream {kind}" };
        _thread.Start();
    }

    /// <summary>Time in which at least one read was in flight.</summary>
    public TimeSpan BusyTime => _reads.BusyTime;

    /// <summary>Queues a transfer.</summary>
    public void Begin(Transfer transfer)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isStopped, this);
            _begun.Enqueue(transfer);
            WakeThread();
        }
    }

    /// <summary>
    /// Drops what has not been started and waits for what is in flight. Where the system does not end a read, what it
    /// uses is freed when it does.
    /// </summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isStopped)
            {
                return;
            }

            _isStopped = true;
            foreach (var transfer in _begun)
            {
                transfer.Cancel();
            }

            WakeThread();
        }

        _over.Wait();
        if (_reads.GivenUp == 0)
        {
            _thread.Join();
        }
    }

    /// <summary>Under the lock, so that the thread cannot end meanwhile.</summary>
    void WakeThread()
    {
        _work.Set();
        if (_isWaiting)
        {
            _queue.Wake();
        }
    }

    void Run()
    {
        try
        {
            _onStart?.Invoke();
        }
        catch (NvStreamException e)
        {
            _failure = StorageException.RouteFailed(_kind, e);
        }

        try
        {
            while (Step())
            {
            }
        }
        catch (Exception e)
        {
            // The queue itself is broken: nobody can tell which reads go on, so what they use stays as it is.
            Collapse(e);
            return;
        }

        _landing.Dispose();
        _queue.Dispose();
        _files.Dispose();
        _over.Set();
    }

    void Collapse(Exception error)
    {
        _reads.Abandon();
        var failure = StorageException.RouteFailed(_kind, error);
        do
        {
            TakeBegun();
            foreach (var turn in _turns)
            {
                turn.Transfer.Fail(failure);
                turn.Transfer.Complete(turn.Lost);
            }

            _turns.Clear();
            _over.Set();
        }
        while (!_isStopped && _work.WaitOne());
    }

    /// <summary>False when all is over.</summary>
    bool Step()
    {
        TakeBegun();
        var isHeldUp = !StartReads();
        LandInTurn();
        if (_turns.Count == 0)
        {
            if (_isStopped && IsOver())
            {
                return false;
            }

            if (_reads.Count == 0)
            {
                _work.WaitOne();
                return true;
            }
        }
        else if (isHeldUp && _reads.Count == 0)
        {
            AwaitPlace(_unplacedTurn!);
            return true;
        }

        Reap(isHeldUp);
        return true;
    }

    /// <summary>Whether nothing is to come any more; with reads that the system has not ended, only the caller's part is over.</summary>
    bool IsOver()
    {
        lock (_lock)
        {
            if (_begun.Count > 0)
            {
                return false;
            }
        }

        if (_reads.GivenUp > 0 && _reads.GivenUp == _reads.Count)
        {
            _over.Set();
        }

        return _reads.Count == 0;
    }

    void AwaitPlace(PumpTurn turn)
    {
        try
        {
            _landing.AwaitPlace(turn.Transfer);
        }
        catch (Exception e)
        {
            turn.Transfer.Fail(e);
        }
    }

    void TakeBegun()
    {
        lock (_lock)
        {
            while (_begun.TryDequeue(out var transfer))
            {
                if (!_spareTurns.TryPop(out var turn))
                {
                    turn = new();
                }

                turn.Begin(transfer);
                _turns.Add(turn);
            }
        }

        if (_isStopped)
        {
            foreach (var turn in _turns)
            {
                turn.Transfer.Cancel();
            }
        }
    }

    /// <summary>Fills the queue; false where the next block has to wait for the device.</summary>
    bool StartReads()
    {
        var isHeldUp = false;
        foreach (var turn in _turns)
        {
            if (!StartReads(turn, out isHeldUp))
            {
                break;
            }
        }

        _reads.Submit();
        return !isHeldUp;
    }

    /// <summary>Whether the turn has no block left to start.</summary>
    bool StartReads(PumpTurn turn, out bool isHeldUp)
    {
        isHeldUp = false;
        var transfer = turn.Transfer;
        if (!turn.IsChecked && transfer.Unclaimed > 0)
        {
            turn.IsChecked = true;
            Check(transfer);
        }

        while (turn == _unplacedTurn || transfer.Unclaimed > 0)
        {
            var isRead = transfer.Path != TransferPath.HostToDevice;
            if (isRead && _reads.IsFull && !transfer.HasFailed)
            {
                return false;
            }

            var block = turn == _unplacedTurn ? _unplaced : transfer.Claim();
            _unplacedTurn = null;
            if (transfer.HasFailed)
            {
                turn.Unlanded--;
            }
            else if (!isRead)
            {
                turn.Arrived.Add((block, default));
            }
            else if (!TryPlace(turn, block, out var place))
            {
                (_unplaced, _unplacedTurn) = (block, turn);
                isHeldUp = true;
                return false;
            }
            else if (!transfer.HasFailed)
            {
                _reads.Add(turn, block, place);
            }
        }

        return true;
    }

    /// <summary>Fails a transfer that cannot be read as things stand.</summary>
    void Check(Transfer transfer)
    {
        if ((_failure ?? _reads.Failure) is { } failure)
        {
            transfer.Fail(failure);
            return;
        }

        try
        {
            if (transfer.Path != TransferPath.HostToDevice && _files.FindChanged() is { } changed)
            {
                transfer.Fail(StorageException.FileChanged(changed, _kind));
            }
        }
        catch (IOException e)
        {
            // The file system is gone: the question fails like a read, and the route goes on.
            transfer.Fail(StorageException.RouteFailed(_kind, e));
        }
    }

    bool TryPlace(PumpTurn turn, Transfer.Block block, out Place place)
    {
        try
        {
            return _landing.TryPlace(turn.Transfer, block, out place);
        }
        catch (Exception e)
        {
            // Whatever it is, it belongs to the one who waits: here it would end the process.
            turn.Transfer.Fail(e);
            turn.Unlanded--;
            place = default;
            return true;
        }
    }

    void Reap(bool isHeldUp)
    {
        var wait = isHeldUp ? s_placeInterval : s_longWait < _options.TimeLimit ? s_longWait : _options.TimeLimit / 4;
        _isWaiting = true;
        Interlocked.MemoryBarrier();
        bool hasBegun;
        lock (_lock)
        {
            hasBegun = _begun.Count > 0;
        }

        _reads.Reap(hasBegun ? TimeSpan.Zero : wait, isLeaving: _isStopped);
        _isWaiting = false;
        if (_reads.Failure is { } failure)
        {
            foreach (var turn in _turns)
            {
                turn.Transfer.Fail(failure);
            }
        }
    }

    void LandInTurn()
    {
        while (_turns.Count > 0)
        {
            var turn = _turns[0];
            foreach (var (block, place) in turn.Arrived)
            {
                Land(turn.Transfer, block, place);
            }

            turn.Unlanded -= turn.Arrived.Count;
            turn.Arrived.Clear();
            if (turn.Unlanded > 0)
            {
                return;
            }

            End(turn.Transfer);
            _turns.RemoveAt(0);
            turn.Transfer.Complete(turn.Lost);
            _spareTurns.Push(turn);
        }
    }

    void Land(Transfer transfer, in Transfer.Block block, Place place)
    {
        try
        {
            if (!transfer.HasFailed)
            {
                _landing.Land(transfer, block, place);
            }
        }
        catch (Exception e)
        {
            transfer.Fail(e);
        }

        if (transfer.Path != TransferPath.HostToDevice)
        {
            _landing.Return(transfer, place);
        }
    }

    void End(Transfer transfer)
    {
        try
        {
            _landing.End(transfer);
        }
        catch (Exception e)
        {
            transfer.Fail(e);
        }
    }
}
