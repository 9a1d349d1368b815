namespace NvStream.Storage;

/// <summary>Positional reads on a few threads, each with one in flight: what works everywhere.</summary>
sealed class ThreadedReads : IReadQueue
{
    readonly StoredFiles _files;
    readonly CompletionBox _ended = new();
    readonly SemaphoreSlim _waiting = new(0);
    readonly ReadRequest[] _requests;
    readonly Queue<int> _tags = new();
    readonly Thread[] _threads;
    bool _isStopped;

    public ThreadedReads(StoredFiles files, int depth)
    {
        _files = files;
        _requests = new ReadRequest[depth];
        _threads = new Thread[depth];
        for (var i = 0; i < depth; i++)
        {
            _threads[i] = new Thread(Serve, 256 * 1024) { IsBackground = true, Name = FormattableString.Invariant($"NvStream reader {i}") };
            _threads[i].Start();
        }
    }

    public string Name => FormattableString.Invariant($"{Depth} threads");

    public int Depth => _requests.Length;

    public void Register(nint address, long bytes)
    {
    }

    public void Unregister(nint address)
    {
    }

    public void Enqueue(int tag, in ReadRequest request)
    {
        lock (_tags)
        {
            _requests[tag] = request;
            _tags.Enqueue(tag);
        }

        _waiting.Release();
    }

    public void Submit()
    {
    }

    public int Reap(Span<ReadCompletion> completions, TimeSpan wait) => _ended.Reap(completions, wait);

    public void Wake() => _ended.Wake();

    public void Cancel(int tag)
    {
    }

    /// <summary>No read is in flight any more.</summary>
    public void Dispose()
    {
        lock (_tags)
        {
            _isStopped = true;
        }

        _waiting.Release(_threads.Length);
        Array.ForEach(_threads, t => t.Join());
        _waiting.Dispose();
    }

    void Serve()
    {
        while (true)
        {
            _waiting.Wait();
            int tag;
            lock (_tags)
            {
                if (_isStopped)
                {
                    return;
                }

                tag = _tags.Dequeue();
            }

            _ended.Add(Read(tag, _requests[tag]));
        }
    }

    unsafe ReadCompletion Read(int tag, in ReadRequest request)
    {
        try
        {
            var bytes = RandomAccess.Read(_files.HandleOf(request.File), new Span<byte>((void*)request.Destination, request.Length), request.Offset);
            return new(tag, bytes, null);
        }
        catch (Exception e)
        {
            // Whatever it is, it belongs to the one who waits: here it would end the process.
            return new(tag, 0, IsTryAgain(e) ? new("Resource temporarily unavailable", IsTransient: true) : new(e.Message));
        }
    }

    /// <summary>EAGAIN, which the runtime takes for another's lock and words so.</summary>
    static bool IsTryAgain(Exception error) =>
        error is IOException && error.HResult == (OperatingSystem.IsLinux() ? 11 : OperatingSystem.IsMacOS() ? 35 : -1);
}
