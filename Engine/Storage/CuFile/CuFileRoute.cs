using NvStream.Compute;

namespace NvStream.Storage.CuFile;

/// <summary>
/// Reads by cuFile into the device's memory, proven to go there directly (<see cref="RouteKind.GpuDirect"/>) or not
/// (<see cref="RouteKind.CuFileCompat"/>). What goes to host memory is read without cuFile, and copies from there are
/// queued at once, beside the reads.
/// </summary>
sealed class CuFileRoute : IStorageRoute
{
    const int ProbeReads = 16;

    readonly Lock _lock = new();
    readonly IHostCopies _copies;
    readonly IReadOnlyList<StoredFile> _files;
    readonly RouteOptions _options;
    readonly CuFileReads _queue;
    readonly ReadPump _pump;
    ReadPump? _hostPump;

    CuFileRoute(
        RouteKind kind, string reason, CuFileReads queue, StoredFiles direct, IReadOnlyList<StoredFile> files, IHostCopies copies, RouteOptions options)
    {
        Kind = kind;
        Reason = reason;
        _queue = queue;
        _files = files;
        _copies = copies;
        _options = options;
        _pump = new(kind, queue, direct, new SlotLanding(), options, onStart: copies.Bind);
    }

    public RouteKind Kind { get; }

    public string Reason { get; }

    public int BlockSize => _options.BlockSize;

    public int CopyFences => 0;

    public TimeSpan BusyTime => _pump.BusyTime;

    /// <summary>Opens the route, reads a little and looks at the counters: only they tell which way bytes go.</summary>
    /// <exception cref="StorageException">RouteUnavailable.</exception>
    public static CuFileRoute Open(RouteKind kind, IReadOnlyList<StoredFile> files, IComputeDevice device, IHostCopies copies, RouteOptions options)
    {
        if (StoredFiles.TryOpenDirect(files, out var refusal) is not { } direct)
        {
            throw StorageException.RouteUnavailable(kind, refusal, "Put the model on a local ext4 or xfs file system, or use -Route HostStaged.");
        }

        CuFileReads? queue = null;
        try
        {
            copies.Bind();
            var settings = new CuFileSettings(options.BlockSize, options.QueueDepth) { SeeksDirectPath = kind == RouteKind.GpuDirect };
            var session = CuFileSession.Open([.. files.Select((_, i) => direct.HandleOf(i))], settings);
            var depth = Math.Min(options.QueueDepth, session.MostInFlight(options.BlockSize));
            queue = new CuFileReads(session, depth);
            var verdict = Probe(queue, files[0], device);
            if (verdict.IsDirect != (kind == RouteKind.GpuDirect))
            {
                throw StorageException.RouteUnavailable(
                    kind, verdict.Reason, verdict.Remedy is { } remedy ? $"{remedy} Or use -Route HostStaged or Auto." : "Use -Route GpuDirect or Auto.");
            }

            return new(kind, Invariant($"{queue.Name}, {depth} reads in flight; {verdict.Reason}"), queue, direct, files, copies, options);
        }
        catch (Exception e)
        {
            queue?.Dispose();
            direct.Dispose();
            throw e is CuFileException unavailable ? unavailable.For(kind) : e;
        }
    }

    public void Attach(DeviceMemory memory)
    {
        _copies.Bind();
        _queue.Register(memory.Address, memory.Length);
    }

    public void Detach(DeviceMemory memory)
    {
        _copies.Bind();
        _queue.Unregister(memory.Address);
    }

    public void Begin(Transfer transfer)
    {
        switch (transfer.Path)
        {
            case TransferPath.HostToDevice:
                Copy(transfer);
                break;
            case TransferPath.FileToHost:
                HostPump().Begin(transfer);
                break;
            default:
                _pump.Begin(transfer);
                break;
        }
    }

    public void Dispose()
    {
        _pump.Dispose();
        _hostPump?.Dispose();
    }

    void Copy(Transfer transfer)
    {
        try
        {
            while (transfer.Unclaimed > 0)
            {
                var block = transfer.Claim();
                _copies.Copy(block.Source, block.Destination, block.Length, transfer.After);
            }

            transfer.Copied = _copies.RecordCopyFence(transfer.CopyFence);
        }
        catch (NvStreamException e)
        {
            transfer.Fail(e);
        }

        transfer.Complete(0);
    }

    /// <summary>Made when it is first wanted: only models with layers in host memory need it.</summary>
    ReadPump HostPump()
    {
        lock (_lock)
        {
            if (_hostPump is null)
            {
                var direct = StoredFiles.TryOpenDirect(_files, out var refusal) ?? throw StorageException.RouteUnavailable(Kind, refusal, "Use -Route HostStaged.");
                _hostPump = new(Kind, ReadQueues.Open(direct, _options.QueueDepth, out _), direct, new SlotLanding(), _options);
            }

            return _hostPump;
        }
    }

    static DirectPathVerdict Probe(CuFileReads queue, StoredFile file, IComputeDevice device)
    {
        var bytes = (int)Math.Min(1 << 20, file.Length / Gguf.FileExtent.Alignment * Gguf.FileExtent.Alignment);
        using var memory = device.Allocate(bytes, "a probe of cuFile");
        using var proof = DirectPathProof.Begin();
        queue.Register(memory.Address, memory.Length);
        var completions = new ReadCompletion[queue.Depth];
        try
        {
            for (var i = 0; i < ProbeReads; i++)
            {
                queue.Enqueue(0, new(0, 0, bytes, memory.Address));
                queue.Submit();
                int count;
                var until = Environment.TickCount64 + 10_000;
                while ((count = queue.Reap(completions, TimeSpan.FromSeconds(1))) == 0 && Environment.TickCount64 < until)
                {
                }

                if (count == 0 || completions[0].Error is not null)
                {
                    var reason = count == 0 ? "a first read did not end within 10 s" : completions[0].Error!.Message;
                    throw new CuFileException(reason, "Look at cufile.log in the system's folder for temporary files, or use -Route HostStaged or Auto.");
                }
            }
        }
        finally
        {
            queue.Unregister(memory.Address);
        }

        return proof.Judge(ProbeReads, (long)ProbeReads * bytes);
    }

    static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
