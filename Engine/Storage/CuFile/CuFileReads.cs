using System.Diagnostics;

namespace NvStream.Storage.CuFile;

/// <summary>
/// Reads by cuFile's batches, of which each tag has one, of one read. cuFile serves the reads of a batch one after the
/// other, and takes the next only when all of them have ended: larger batches would only keep reads waiting.
/// </summary>
sealed class CuFileReads : IReadQueue
{
    /// <summary>How long the oldest read is waited for before the others are looked at again.</summary>
    static readonly TimeSpan Slice = TimeSpan.FromMicroseconds(100);

    readonly ICuFile _cuFile;
    readonly TimeSpan _drainLimit;
    readonly BatchedRead[] _reads;
    readonly ManualResetEventSlim _wake = new();
    readonly Lock _registration = new();

    // Replaced under the lock and never written to: the thread that reads looks memory up without it.
    volatile (nint Address, long Bytes)[] _registered = [];
    long _started;
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
        _reads[tag].Start(request, BaseOf(request.Destination, request.Length), _started++);

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
                if (read.TakeEnd(TimeSpan.Zero) is { } end)
                {
                    completions[count++] = end;
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

            if (AwaitOldest(left) is { } first)
            {
                completions[0] = first;
                return 1;
            }
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

    /// <summary>Waits for the oldest read, or to be woken, for a slice of time.</summary>
    ReadCompletion? AwaitOldest(TimeSpan left)
    {
        if (Oldest() is not { } oldest)
        {
            _wake.Wait(left);
            return null;
        }

        var slice = left < Slice ? left : Slice;
        var start = Stopwatch.GetTimestamp();
        var end = oldest.TakeEnd(slice);
        if (end is null && Stopwatch.GetElapsedTime(start) < slice / 2)
        {
            // Whether cuFile waits as long as it is told to is its own affair; here no core is burnt.
            _wake.Wait(1);
        }

        return end;
    }

    /// <summary>The read in flight that was started first; null where there is none.</summary>
    BatchedRead? Oldest()
    {
        var oldest = default(BatchedRead);
        foreach (var read in _reads)
        {
            if (read.IsInFlight && (oldest is null || read.Order < oldest.Order))
            {
                oldest = read;
            }
        }

        return oldest;
    }

    void Drain()
    {
        foreach (var read in _reads)
        {
            read.Cancel();
        }

        var completions = new ReadCompletion[Depth];
        var start = Stopwatch.GetTimestamp();
        while (Oldest() is not null && Stopwatch.GetElapsedTime(start) < _drainLimit)
        {
            Reap(completions, TimeSpan.FromMilliseconds(50));
        }
    }
}
