using System.Diagnostics;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>
/// The reads that a pump has in flight. Short and interrupted ones are asked for again; one that does not end in time is
/// given up: its memory belongs to the system until it ends, and what it was to fill fails now.
/// </summary>
sealed class ReadsInFlight(RouteKind kind, IReadQueue queue, StoredFiles files, ILanding landing, RouteOptions options)
{
    /// <summary>Attempts at a read that the system interrupts again and again.</summary>
    const int MostAttempts = 100;

    /// <summary>How long a read may take whose bytes nobody wants any more, before it is left behind.</summary>
    static readonly TimeSpan s_leaveLimit = TimeSpan.FromSeconds(2);

    readonly BusyClock _busy = new();
    readonly Flight[] _flights = new Flight[queue.Depth];
    readonly Stack<int> _tags = new(Enumerable.Range(0, queue.Depth));
    readonly ReadCompletion[] _completions = new ReadCompletion[queue.Depth];
    bool _hasEnqueued;

    public int Count => _flights.Length - _tags.Count;

    public bool IsFull => _tags.Count == 0;

    /// <summary>Reads given up that have not ended: until they have, nothing else is begun.</summary>
    public int GivenUp { get; private set; }

    /// <summary>Why they were given up.</summary>
    public StorageException? Failure { get; private set; }

    /// <summary>Time in which at least one read was in flight.</summary>
    public TimeSpan BusyTime => _busy.Elapsed;

    /// <summary>Adds a read to those that <see cref="Submit"/> starts.</summary>
    public void Add(PumpTurn turn, in Transfer.Block block, Place place)
    {
        if (Count == 0)
        {
            _busy.Enter();
        }

        var tag = _tags.Pop();
        _flights[tag] = new()
        {
            Turn = turn,
            Block = block,
            Place = place,
            Expected = (int)Math.Min(block.Length, files[block.File].Length - block.Offset),
            Started = Stopwatch.GetTimestamp(),
        };
        Enqueue(tag);
    }

    public void Submit()
    {
        if (_hasEnqueued)
        {
            _hasEnqueued = false;
            queue.Submit();
        }
    }

    /// <summary>Takes what has ended, and waits for the first if nothing has.</summary>
    /// <param name="isLeaving">Whether nobody wants any of the bytes.</param>
    public void Reap(TimeSpan wait, bool isLeaving)
    {
        var count = queue.Reap(_completions, wait);
        for (var i = 0; i < count; i++)
        {
            Complete(_completions[i]);
        }

        // Reads to be asked for again.
        Submit();
        GiveUpLate(isLeaving);
    }

    /// <summary>The queue is broken: every read counts as given up.</summary>
    public void Abandon()
    {
        foreach (ref var flight in _flights.AsSpan())
        {
            if (flight.Turn is { } turn && !flight.IsGivenUp)
            {
                turn.Lost++;
            }
        }
    }

    void Enqueue(int tag)
    {
        ref var flight = ref _flights[tag];
        flight.Attempts++;
        queue.Enqueue(tag, new(
            flight.Block.File, flight.Block.Offset + flight.Done, flight.Block.Length - flight.Done, flight.Place.Address + flight.Done));
        _hasEnqueued = true;
    }

    void Complete(in ReadCompletion completion)
    {
        ref var flight = ref _flights[completion.Tag];
        if (flight.IsGivenUp)
        {
            landing.Return(flight.Lost!, flight.Place);
            flight.Lost!.Settle();
            Free(completion.Tag);
            if (--GivenUp == 0)
            {
                Failure = null;
            }

            return;
        }

        flight.Done += completion.Bytes;
        var isWhole = flight.Done >= flight.Expected;
        if (!isWhole && IsWorthAsking(flight, completion))
        {
            Enqueue(completion.Tag);
            return;
        }

        var turn = flight.Turn;
        if (isWhole)
        {
            options.Latencies?.Add(Stopwatch.GetTimestamp() - flight.Started);
            turn.Arrived.Add((flight.Block, flight.Place));
        }
        else
        {
            turn.Transfer.Fail(StorageException.ReadFailed(
                files[flight.Block.File].Path, kind, flight.Block.Offset, flight.Expected, flight.Done, completion.Error?.Message));
            landing.Return(turn.Transfer, flight.Place);
            turn.Unlanded--;
        }

        Free(completion.Tag);
    }

    /// <summary>Interrupted, or ended early with whole pages: within a page a direct read would go on misaligned, and it is the file's end.</summary>
    static bool IsWorthAsking(in Flight flight, in ReadCompletion completion) =>
        !flight.Turn.Transfer.HasFailed
        && (completion.Error is { } error
            ? error.IsTransient && flight.Attempts < MostAttempts
            : completion.Bytes > 0 && completion.Bytes % FileExtent.Alignment == 0);

    void Free(int tag)
    {
        _flights[tag] = default;
        _tags.Push(tag);
        if (Count == 0)
        {
            _busy.Leave();
        }
    }

    void GiveUpLate(bool isLeaving)
    {
        var now = Stopwatch.GetTimestamp();
        for (var tag = 0; tag < _flights.Length; tag++)
        {
            ref var flight = ref _flights[tag];
            if (flight.Turn is not { } turn || flight.IsGivenUp)
            {
                continue;
            }

            var limit = (isLeaving || turn.Transfer.IsLeft) && s_leaveLimit < options.TimeLimit ? s_leaveLimit : options.TimeLimit;
            if (Stopwatch.GetElapsedTime(flight.Started, now) < limit)
            {
                continue;
            }

            Failure = StorageException.TimedOut(files[flight.Block.File].Path, kind, flight.Block.Offset, flight.Expected, limit);
            flight.IsGivenUp = true;
            flight.Lost = turn.Transfer;
            GivenUp++;
            queue.Cancel(tag);
            turn.Transfer.Fail(Failure);
            turn.Lost++;
            turn.Unlanded--;
        }
    }

    /// <summary>A read in flight.</summary>
    struct Flight
    {
        public PumpTurn Turn;
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
