using System.Diagnostics;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>
/// One thread that takes the blocks of queued transfers in order, keeps as many reads in flight as the queue takes, and
/// lets blocks land transfer by transfer: one that has to wait holds up none that is needed before it. Short and
/// interrupted reads are asked for again; one that does not end in time is given up, and what it was to fill fails.
/// Blocks are 256 KiB and more, so a few hundred nanoseconds a block cost nothing beside the read.
/// </summary>
sealed class ReadPump : IDisposable
{
    /// <summary>Attempts at a read that the system interrupts again and again.</summary>
    const int MostAttempts = 100;

    /// <summary>How often the device is asked whether it is done with the memory that a read waits for.</summary>
    static readonly TimeSpan s_placeInterval = TimeSpan.FromMilliseconds(0.5);
    static readonly TimeSpan s_longWait = TimeSpan.FromSeconds(1);

    /// <summary>How long a read may take whose bytes nobody wants any more, before it is left behind.</summary>
    static readonly TimeSpan s_leaveLimit = TimeSpan.FromSeconds(2);

    readonly Lock _lock = new();
    readonly Queue<Transfer> _begun = new();
    readonly AutoResetEvent _work = new(false);
    readonly ManualResetEventSlim _over = new(false);
    readonly IReadQueue _queue;
    readonly StoredFiles _files;
    readonly ILanding _landing;
    readonly RouteKind _kind;
    readonly RouteOptions _options;
    readonly BusyClock _busy = new();
    readonly Thread _thread;
    readonly Action? _onStart;

    // The thread's own.
    readonly List<Turn> _turns = [];
    readonly Stack<Turn> _spareTurns = new();
    readonly Flight[] _flights;
    readonly Stack<int> _tags;
    readonly ReadCompletion[] _completions;
    Transfer.Block _unplaced;
    Turn? _unplacedTurn;
    int _givenUp;
    bool _hasEnqueued;
    volatile bool _isWaiting;
    volatile bool _isStopped;
    volatile StorageException? _failure;

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
        _flights = new Flight[queue.Depth];
        _completions = new ReadCompletion[queue.Depth];
        _tags = new(Enumerable.Range(0, queue.Depth));
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = $"NvStream {kind}" };
        _thread.Start();
    }

    /// <summary>Time in which at least one read was in flight.</summary>
    public TimeSpan BusyTime => _busy.Elapsed;

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
        if (_givenUp == 0)
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
        foreach (ref var flight in _flights.AsSpan())
        {
            if (flight.Turn is { } turn && !flight.IsGivenUp)
            {
                turn.Lost++;
            }
        }

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

            if (InFlight == 0)
            {
                _work.WaitOne();
                return true;
            }
        }
        else if (isHeldUp && InFlight == 0)
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

        if (InFlight == _givenUp && _givenUp > 0)
        {
            _over.Set();
        }

        return InFlight == 0;
    }

    void AwaitPlace(Turn turn)
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

    int InFlight => _flights.Length - _tags.Count;

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

        if (_hasEnqueued)
        {
            _hasEnqueued = false;
            _queue.Submit();
        }

        return !isHeldUp;
    }

    /// <summary>Whether the turn has no block left to start.</summary>
    bool StartReads(Turn turn, out bool isHeldUp)
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
            if (isRead && _tags.Count == 0 && !transfer.HasFailed)
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
                Start(turn, block, place);
            }
        }

        return true;
    }

    /// <summary>Fails a transfer that cannot be read as things stand.</summary>
    void Check(Transfer transfer)
    {
        if (_failure is { } failure)
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

    bool TryPlace(Turn turn, Transfer.Block block, out Place place)
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

    void Start(Turn turn, in Transfer.Block block, Place place)
    {
        if (InFlight == 0)
        {
            _busy.Enter();
        }

        var tag = _tags.Pop();
        _flights[tag] = new()
        {
            Turn = turn,
            Block = block,
            Place = place,
            Expected = (int)Math.Min(block.Length, _files[block.File].Length - block.Offset),
            Started = Stopwatch.GetTimestamp(),
        };
        Enqueue(tag);
    }

    void Enqueue(int tag)
    {
        ref var flight = ref _flights[tag];
        flight.Attempts++;
        _queue.Enqueue(tag, new(
            flight.Block.File, flight.Block.Offset + flight.Done, flight.Block.Length - flight.Done, flight.Place.Address + flight.Done));
        _hasEnqueued = true;
    }

    void Reap(bool isHeldUp)
    {
        if (_hasEnqueued)
        {
            _hasEnqueued = false;
            _queue.Submit();
        }

        var wait = isHeldUp ? s_placeInterval : s_longWait < _options.TimeLimit ? s_longWait : _options.TimeLimit / 4;
        _isWaiting = true;
        Interlocked.MemoryBarrier();
        bool hasBegun;
        lock (_lock)
        {
            hasBegun = _begun.Count > 0;
        }

        var count = _queue.Reap(_completions, hasBegun ? TimeSpan.Zero : wait);
        _isWaiting = false;
        for (var i = 0; i < count; i++)
        {
            Complete(_completions[i]);
        }

        GiveUpLate();
    }

    void Complete(in ReadCompletion completion)
    {
        ref var flight = ref _flights[completion.Tag];
        if (flight.IsGivenUp)
        {
            _landing.Return(flight.Lost!, flight.Place);
            flight.Lost!.Settle();
            Free(completion.Tag);
            if (--_givenUp == 0)
            {
                _failure = null;
            }

            return;
        }

        var block = flight.Block;
        flight.Done += completion.Bytes;
        var isFailed = completion.Error is { } error && !(error.IsTransient && flight.Attempts < MostAttempts);
        if (!isFailed && flight.Done < flight.Expected)
        {
            // A short read that is not whole pages would leave a direct read misaligned: it is the file's end.
            var isResumable = completion.Error is not null || (completion.Bytes > 0 && completion.Bytes % FileExtent.Alignment == 0);
            if (isResumable && !flight.Turn.Transfer.HasFailed)
            {
                Enqueue(completion.Tag);
                return;
            }

            isFailed = true;
        }

        var turn = flight.Turn;
        if (isFailed)
        {
            turn.Transfer.Fail(StorageException.ReadFailed(
                _files[block.File].Path, _kind, block.Offset, flight.Expected, Math.Min(flight.Done, flight.Expected), completion.Error?.Message));
            _landing.Return(turn.Transfer, flight.Place);
            turn.Unlanded--;
        }
        else
        {
            _options.Latencies?.Add(Stopwatch.GetTimestamp() - flight.Started);
            turn.Arrived.Add((block, flight.Place));
        }

        Free(completion.Tag);
    }

    void Free(int tag)
    {
        _flights[tag] = default;
        _tags.Push(tag);
        if (InFlight == 0)
        {
            _busy.Leave();
        }
    }

    /// <summary>
    /// A read that takes longer than the limit may never end, and its memory belongs to the system until it does. What
    /// it was to fill fails now, and so does all that comes until it has ended.
    /// </summary>
    void GiveUpLate()
    {
        var now = Stopwatch.GetTimestamp();
        for (var tag = 0; tag < _flights.Length; tag++)
        {
            ref var flight = ref _flights[tag];
            if (flight.Turn is null || flight.IsGivenUp)
            {
                continue;
            }

            var limit = (_isStopped || flight.Turn.Transfer.IsLeft) && s_leaveLimit < _options.TimeLimit ? s_leaveLimit : _options.TimeLimit;
            if (Stopwatch.GetElapsedTime(flight.Started, now) < limit)
            {
                continue;
            }

            var error = StorageException.TimedOut(_files[flight.Block.File].Path, _kind, flight.Block.Offset, flight.Expected, limit);
            var turn = flight.Turn;
            flight.IsGivenUp = true;
            flight.Lost = turn.Transfer;
            _givenUp++;
            _failure = error;
            _queue.Cancel(tag);
            turn.Transfer.Fail(error);
            turn.Lost++;
            turn.Unlanded--;
        }

        if (_failure is { } failure && _givenUp > 0)
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

    /// <summary>A transfer on its way through the pump.</summary>
    sealed class Turn
    {
        public Transfer Transfer { get; private set; } = null!;

        /// <summary>Blocks read, and not landed because earlier transfers have not.</summary>
        public List<(Transfer.Block Block, Place Place)> Arrived { get; } = [];

        /// <summary>Blocks that have not landed, failed or been dropped.</summary>
        public int Unlanded { get; set; }

        /// <summary>Reads that were given up.</summary>
        public int Lost { get; set; }

        public bool IsChecked { get; set; }

        public void Begin(Transfer transfer)
        {
            Transfer = transfer;
            Unlanded = transfer.Unclaimed;
            Lost = 0;
            IsChecked = false;
        }
    }

    /// <summary>A read in flight.</summary>
    struct Flight
    {
        public Turn Turn;
        public Transfer.Block Block;
        public Place Place;
        public int Expected;
        public int Done;
        public int Attempts;
        public long Started;
        public bool IsGivenUp;

        /// <summary>Whose it was when it was given up: its turn is another's by now.</summary>
        public Transfer? Lost;
    }
}
