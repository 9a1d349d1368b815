using System.Diagnostics;

namespace NvStream.Storage.CuFile;

/// <summary>
/// Reads by cuFile's batches, of which each tag has one, of one read. cuFile serves the reads of a batch one after the
/// other, and takes the next only when all of them have ended: larger batches would only keep reads waiting.
/// </summary>
sealed class CuFileReads : IReadQueue
{
    /// <summary>
    /// Pauses between two looks at the reads in flight: a sixteenth of what a read takes, which costs none of the rate.
    /// cuFile could wait itself, but keeps a core busy while it does.
    /// </summary>
    const int PausesPerRead = 16;
    static readonly TimeSpan s_leastPause = TimeSpan.FromMicroseconds(50);
    static readonly TimeSpan s_mostPause = TimeSpan.FromMilliseconds(1);

    readonly ICuFile _cuFile;
    readonly TimeSpan _drainLimit;
    readonly BatchedRead[] _reads;
    readonly ManualResetEventSlim _wake = new();
    readonly Lock _registration = new();

    // Replaced under the lock and never written to: the thread that reads looks memory up without it.
    volatile (nint Address, long Bytes)[] _registered = [];
    long _readTicks;
    bool _isDisposed;

    /// <param name="cuFile">Owned, also when this throws.</param>
    /// <param name="depth">Reads that may be in flight.</param>
    /// <param name="drainLimit">How long disposal waits for reads that do not end; null for ten seconds.</param>
    /// <exception cref="CuFileException">No batch can be had.</exception>
    public CuFileReads(ICuFile cuFile, int depth, TimeSpan? drainLimit = null)
    {
        _cuFile = cuFile;
        _drainLimit = drainLimit ?? TimeSpan.FromSeconds(10);
        _reads = [.. Enumerable.Range(0, depth).Select(tag => new BatchedRead(cuFile, tag))];
        try
        {
            foreach (var read in _reads)
            {
                read.Prepare();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Name => "cuFile " + _cuFile.Version;

    public int Depth => _reads.Length;

    /// <summary>Why memory could not be registered, where it could not: reads into it then go by buffers of cuFile's own.</summary>
    public CuFileError? RegistrationError { get; private set; }

    /// <summary>From any thread.</summary>
    public void Register(nint address, long bytes)
    {
        lock (_registration)
        {
            var error = _cuFile.Register(address, bytes);
            if (error.IsSuccess)
            {
                _registered = [.. _registered, (address, bytes)];
            }
            else
            {
                RegistrationError = error;
            }
        }
    }

    /// <summary>From any thread.</summary>
    public void Unregister(nint address)
    {
        lock (_registration)
        {
            var others = Array.FindAll(_registered, r => r.Address != address);
            if (others.Length < _registered.Length)
            {
                _registered = others;
                _cuFile.Unregister(address);
            }
        }
    }

    public void Enqueue(int tag, in ReadRequest request) =>
        _reads[tag].Start(request, BaseOf(request.Destination, request.Length));

    public void Submit()
    {
    }

    public int Reap(Span<ReadCompletion> completions, TimeSpan wait)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var count = 0;
            foreach (var read in _reads)
            {
                if (read.TakeEnd() is { } end)
                {
                    completions[count++] = end;
                    _readTicks = (7 * _readTicks + (Stopwatch.GetTimestamp() - read.Started)) / 8;
                }
            }

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

            Pause(left);
        }
    }

    public void Wake() => _wake.Set();

    public void Cancel(int tag) => _reads[tag].Cancel();

    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        Drain();
        foreach (var read in _reads)
        {
            read.Dispose();
        }

        lock (_registration)
        {
            foreach (var (address, _) in _registered)
            {
                _cuFile.Unregister(address);
            }

            _registered = [];
            _cuFile.Dispose();
        }

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

    void Pause(TimeSpan left)
    {
        if (!HasReads)
        {
            _wake.Wait(left);
            return;
        }

        var pause = Stopwatch.GetElapsedTime(0, _readTicks / PausesPerRead);
        CuFileNative.Pause((uint)Math.Clamp(pause.TotalMicroseconds, s_leastPause.TotalMicroseconds, s_mostPause.TotalMicroseconds));
    }

    bool HasReads => Array.Exists(_reads, r => r.IsInFlight);

    void Drain()
    {
        foreach (var read in _reads)
        {
            read.Cancel();
        }

        var completions = new ReadCompletion[Depth];
        var start = Stopwatch.GetTimestamp();
        while (HasReads && Stopwatch.GetElapsedTime(start) < _drainLimit)
        {
            Reap(completions, TimeSpan.FromMilliseconds(50));
        }
    }
}
