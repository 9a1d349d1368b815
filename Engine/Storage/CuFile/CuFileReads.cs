using System.Diagnostics;

namespace NvStream.Storage.CuFile;

/// <summary>
/// Reads by cuFile's batches. A batch can be submitted again only when all of its reads have ended, so there are several,
/// with twice as many entries together as reads may be in flight: few reads wait for the slowest of a batch. With one
/// entry a batch none does.
/// </summary>
sealed class CuFileReads : IReadQueue
{
    /// <summary>Answers in a row that say nothing but an error, after which a batch is given up.</summary>
    const int MostPollErrors = 3;

    /// <summary>How long the oldest batch is waited for before the others are looked at again.</summary>
    static readonly TimeSpan Slice = TimeSpan.FromMicroseconds(100);

    readonly ICuFile _cuFile;
    readonly Batch?[] _batches;
    readonly int _entries;
    readonly TimeSpan _drainLimit;
    readonly Read[] _reads;
    readonly CuFileEvent[] _events;
    readonly List<(nint Address, long Bytes)> _registered = [];
    readonly ManualResetEventSlim _wake = new();

    // Reads that were added and not started, in order, and those that ended without having been started.
    readonly Queue<int> _added;
    readonly Queue<ReadCompletion> _unstarted;
    int _started;
    int _free;
    long _submissions;
    bool _isDisposed;

    /// <param name="cuFile">Owned, also when this throws.</param>
    /// <param name="depth">Reads that may be in flight.</param>
    /// <param name="entries">Reads of a batch; null for one.</param>
    /// <param name="drainLimit">How long disposal waits for reads that do not end; null for ten seconds.</param>
    /// <exception cref="CuFileException">No batch can be had.</exception>
    public CuFileReads(ICuFile cuFile, int depth, int? entries = null, TimeSpan? drainLimit = null)
    {
        _cuFile = cuFile;
        Depth = depth;
        _entries = Math.Clamp(entries ?? 1, 1, Math.Min(depth, CuFileSettings.MostEntries));
        _drainLimit = drainLimit ?? TimeSpan.FromSeconds(10);
        _reads = new Read[depth];
        _events = new CuFileEvent[_entries];
        _added = new(depth);
        _unstarted = new(depth);
        _batches = new Batch?[_entries == 1 ? depth : 2 * ((depth + _entries - 1) / _entries)];
        try
        {
            for (; _free < _batches.Length; _free++)
            {
                _batches[_free] = new(cuFile.CreateBatch(_entries), _entries);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Name => FormattableString.Invariant($"cuFile {_cuFile.Version}, batches of up to {_entries}");

    public int Depth { get; }

    /// <summary>Why memory could not be registered, where it could not: reads into it then go by buffers of cuFile's own.</summary>
    public CuFileError? RegistrationError { get; private set; }

    public void Register(nint address, long bytes)
    {
        var error = _cuFile.Register(address, bytes);
        if (error.IsSuccess)
        {
            _registered.Add((address, bytes));
        }
        else
        {
            RegistrationError = error;
        }
    }

    public void Unregister(nint address)
    {
        if (_registered.RemoveAll(r => r.Address == address) > 0)
        {
            _cuFile.Unregister(address);
        }
    }

    public void Enqueue(int tag, in ReadRequest request)
    {
        ref var read = ref _reads[tag];
        Debug.Assert(read.State == ReadState.Idle, "The tag is in use.");
        var start = BaseOf(request.Destination, request.Length);
        read.State = ReadState.Added;
        read.Generation++;
        read.IsGivenUp = false;
        read.Parameters = new()
        {
            Mode = CuFileRead.BatchMode,
            MemoryBase = start,
            MemoryOffset = request.Destination - start,
            FileOffset = request.Offset,
            Bytes = (nuint)request.Length,
            File = _cuFile.FileAt(request.File),
            Operation = CuFileRead.ReadOperation,
            Cookie = ((long)read.Generation << 32) | (uint)tag,
        };
        _added.Enqueue(tag);
    }

    public void Submit() => StartAdded();

    public int Reap(Span<ReadCompletion> completions, TimeSpan wait)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var count = 0;
            foreach (var batch in _batches)
            {
                if (batch is { Outstanding: > 0 })
                {
                    Collect(batch, 0, TimeSpan.Zero, completions, ref count);
                }
            }

            StartAdded();
            TakeUnstarted(completions, ref count);
            if (count > 0)
            {
                return count;
            }

            var left = wait - Stopwatch.GetElapsedTime(start);
            if (_wake.IsSet || left <= TimeSpan.Zero)
            {
                _wake.Reset();
                return 0;
            }

            Rest(left, completions, ref count);
            if (count > 0)
            {
                StartAdded();
                return count;
            }
        }
    }

    public void Wake() => _wake.Set();

    public void Cancel(int tag)
    {
        ref var read = ref _reads[tag];
        if (read.State == ReadState.Idle)
        {
            return;
        }

        read.IsGivenUp = true;
        if (read.State == ReadState.Started)
        {
            // A batch can be given up only as a whole; its other reads come back as errors that may be asked again.
            _ = read.Batch!.Handle.Cancel();
            return;
        }

        for (var i = _added.Count; i > 0; i--)
        {
            if (_added.Dequeue() is var other && other != tag)
            {
                _added.Enqueue(other);
            }
        }

        FailUnstarted(tag, new("the read was given up before it was started"));
    }

    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        Drain();
        foreach (var batch in _batches)
        {
            batch?.Handle.Dispose();
        }

        foreach (var (address, _) in _registered)
        {
            _cuFile.Unregister(address);
        }

        _cuFile.Dispose();
        _wake.Dispose();
    }

    /// <summary>The start of the registered memory that holds all of this; its own where none does.</summary>
    nint BaseOf(nint address, int bytes)
    {
        foreach (var (start, length) in _registered)
        {
            if (address >= start && address - start + bytes <= length)
            {
                return start;
            }
        }

        return address;
    }

    /// <summary>
    /// A batch is spent on fewer reads than it could take only while the free ones left could take all that may still come.
    /// </summary>
    void StartAdded()
    {
        while (_added.Count > 0)
        {
            var take = Math.Min(_added.Count, _entries);
            if (_free == 0 || (_started > 0 && take < _entries && (_free - 1) * _entries < Depth - _started - take))
            {
                if (_free == 0 && _started == 0)
                {
                    // Every batch was given up, and none could be had instead.
                    FailUnstarted(_added.Dequeue(), new("cuFile has no batches any more"));
                    continue;
                }

                return;
            }

            Start(Array.Find(_batches, b => b is { Outstanding: 0 })!, take);
        }
    }

    void Start(Batch batch, int count)
    {
        for (var i = 0; i < count; i++)
        {
            batch.Tags[i] = _added.Dequeue();
            batch.Reads[i] = _reads[batch.Tags[i]].Parameters;
        }

        var error = batch.Handle.Submit(batch.Reads.AsSpan(0, count));
        if (!error.IsSuccess)
        {
            for (var i = 0; i < count; i++)
            {
                FailUnstarted(batch.Tags[i], new("cuFileBatchIOSubmit: " + CuFileCodes.Meaning(error), error.Code == CuFileCode.BatchFull));
            }

            Replace(batch);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            ref var read = ref _reads[batch.Tags[i]];
            (read.State, read.Batch) = (ReadState.Started, batch);
        }

        (batch.Count, batch.Outstanding, batch.Submission, batch.PollErrors) = (count, count, _submissions++, 0);
        _started += count;
        _free--;
    }

    void Collect(Batch batch, int least, TimeSpan wait, Span<ReadCompletion> completions, ref int count)
    {
        var error = batch.Handle.GetStatus(least, _events.AsSpan(0, batch.Outstanding), wait, out var given);
        if (!error.IsSuccess)
        {
            if (++batch.PollErrors >= MostPollErrors)
            {
                GiveUp(batch, error, completions, ref count);
            }

            return;
        }

        batch.PollErrors = 0;
        for (var i = 0; i < given; i++)
        {
            var happened = _events[i];
            var tag = (int)(uint)happened.Cookie;
            if (happened.Status is CuFileStatus.Waiting or CuFileStatus.Pending || (uint)tag >= (uint)_reads.Length)
            {
                continue;
            }

            // An event that comes twice, or late, belongs to no read in flight.
            ref var read = ref _reads[tag];
            if (read.State == ReadState.Started && read.Batch == batch && read.Parameters.Cookie == happened.Cookie)
            {
                completions[count++] = Result(tag, happened, read);
                End(ref read);
            }
        }
    }

    void End(ref Read read)
    {
        var batch = read.Batch!;
        (read.State, read.Batch) = (ReadState.Idle, null);
        _started--;
        if (--batch.Outstanding == 0)
        {
            _free++;
        }
    }

    static ReadCompletion Result(int tag, in CuFileEvent happened, in Read read)
    {
        var asked = (long)read.Parameters.Bytes;
        if (happened.Status == CuFileStatus.Complete)
        {
            return happened.Result >= 0 && happened.Result <= asked
                ? new(tag, (int)happened.Result, null)
                : new(tag, 0, new(FormattableString.Invariant($"a read of {asked} bytes ended with {CodeOf(happened.Result)}")));
        }

        return new(tag, 0, happened.Status switch
        {
            CuFileStatus.Canceled => read.IsGivenUp
                ? new("the read was given up (CUFILE_CANCELED)")
                : new("the read was given up with another of its batch (CUFILE_CANCELED)", IsTransient: true),
            CuFileStatus.TimedOut => new("cuFile's own time limit for a batch passed (CUFILE_TIMEOUT)"),
            CuFileStatus.Invalid => new("cuFile took the read for invalid (CUFILE_INVALID)"),
            CuFileStatus.Failed => new($"the read failed with {CodeOf(happened.Result)} (CUFILE_FAILED)"),
            _ => new(FormattableString.Invariant($"cuFile reported a status that is not known (0x{(int)happened.Status:X})")),
        });
    }

    /// <summary>What a negative result says: a code of cuFile's, or the system's errno.</summary>
    static string CodeOf(long result) => result switch
    {
        < -5000 and > -6000 => CuFileCodes.Meaning(new((CuFileCode)(int)-result, 0)),
        < 0 and > -5000 => FormattableString.Invariant($"{System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage((int)-result)} (errno {-result})"),
        _ => FormattableString.Invariant($"result {result}"),
    };

    /// <summary>Destroying the batch ends its reads: only then may their memory be used again.</summary>
    void GiveUp(Batch batch, CuFileError error, Span<ReadCompletion> completions, ref int count)
    {
        _ = batch.Handle.Cancel();
        var reason = new ReadError("cuFileBatchIOGetStatus: " + CuFileCodes.Meaning(error));
        var index = Replace(batch);
        for (var i = 0; i < batch.Count; i++)
        {
            ref var read = ref _reads[batch.Tags[i]];
            if (read.Batch == batch)
            {
                completions[count++] = new(batch.Tags[i], 0, reason);
                (read.State, read.Batch) = (ReadState.Idle, null);
                _started--;
            }
        }

        _free += _batches[index] is null ? 0 : 1;
    }

    /// <summary>Puts a fresh batch in a spoiled one's place, or none.</summary>
    int Replace(Batch batch)
    {
        var index = Array.IndexOf(_batches, batch);
        batch.Handle.Dispose();
        try
        {
            _batches[index] = new(_cuFile.CreateBatch(_entries), _entries);
        }
        catch (CuFileException)
        {
            _batches[index] = null;
            _free -= batch.Outstanding == 0 ? 1 : 0;
        }

        return index;
    }

    /// <summary>Waits for the oldest batch, or to be woken. Whether cuFile waits as long as it is told to is its own affair.</summary>
    void Rest(TimeSpan left, Span<ReadCompletion> completions, ref int count)
    {
        var oldest = default(Batch);
        foreach (var batch in _batches)
        {
            if (batch is { Outstanding: > 0 } && (oldest is null || batch.Submission < oldest.Submission))
            {
                oldest = batch;
            }
        }

        if (oldest is null)
        {
            _wake.Wait(left);
            return;
        }

        var slice = left < Slice ? left : Slice;
        var start = Stopwatch.GetTimestamp();
        Collect(oldest, 1, slice, completions, ref count);
        if (count == 0 && Stopwatch.GetElapsedTime(start) < slice / 2)
        {
            _wake.Wait(1);
        }
    }

    void FailUnstarted(int tag, ReadError error)
    {
        _reads[tag].State = ReadState.Idle;
        _unstarted.Enqueue(new(tag, 0, error));
    }

    void TakeUnstarted(Span<ReadCompletion> completions, ref int count)
    {
        while (count < completions.Length && _unstarted.TryDequeue(out var completion))
        {
            completions[count++] = completion;
        }
    }

    void Drain()
    {
        foreach (var batch in _batches)
        {
            if (batch is { Outstanding: > 0 })
            {
                _ = batch.Handle.Cancel();
            }
        }

        _added.Clear();
        _wake.Reset();
        var completions = new ReadCompletion[Depth];
        var start = Stopwatch.GetTimestamp();
        while (_started > 0 && Stopwatch.GetElapsedTime(start) < _drainLimit)
        {
            Reap(completions, TimeSpan.FromMilliseconds(50));
        }
    }

    enum ReadState
    {
        Idle,
        Added,
        Started,
    }

    /// <summary>A tag's read.</summary>
    struct Read
    {
        public ReadState State;
        public bool IsGivenUp;
        public int Generation;
        public Batch? Batch;
        public CuFileRead Parameters;
    }

    sealed class Batch(ICuFileBatch handle, int entries)
    {
        public ICuFileBatch Handle { get; } = handle;

        public int[] Tags { get; } = new int[entries];

        public CuFileRead[] Reads { get; } = new CuFileRead[entries];

        /// <summary>Reads of the last submission, and those of them that have not ended.</summary>
        public int Count { get; set; }

        public int Outstanding { get; set; }

        public long Submission { get; set; }

        public int PollErrors { get; set; }
    }
}
