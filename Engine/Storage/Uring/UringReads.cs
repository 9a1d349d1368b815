using System.Runtime.InteropServices;

namespace NvStream.Storage.Uring;

/// <summary>Reads by io_uring: one system call starts many, and another waits for whichever ends first.</summary>
sealed unsafe class UringReads : IReadQueue
{
    /// <summary>User data of entries that are no reads.</summary>
    const ulong WakeData = ulong.MaxValue;
    const ulong CancelData = ulong.MaxValue - 1;

    /// <summary>The most that one registered buffer may hold.</summary>
    const long MostBuffer = 1L << 30;

    readonly Lock _lock = new();
    readonly UringHandle _ring;
    readonly StoredFiles _files;
    readonly List<(nint Address, long Bytes)> _memory = [];
    UringNative.Buffer[] _buffers = [];
    uint _tail;
    uint _unsubmitted;
    bool _isWoken;

    UringReads(UringHandle ring, StoredFiles files, int depth)
    {
        _ring = ring;
        _files = files;
        Depth = depth;
    }

    public string Name => "io_uring";

    public int Depth { get; }

    /// <summary>Whether reads lead into buffers that the kernel has pinned once.</summary>
    internal bool HasRegistered => _buffers.Length > 0;

    /// <summary>Null with the reason where the system refuses.</summary>
    public static UringReads? TryOpen(StoredFiles files, int depth, out string refusal)
    {
        // A read, its cancellation, and a wake-up now and then.
        var ring = UringHandle.TryCreate(2 * depth + 8, out refusal);
        return ring is null ? null : new(ring, files, depth);
    }

    /// <summary>Why this process may not use io_uring; null where it may.</summary>
    public static string? Refusal()
    {
        using var ring = UringHandle.TryCreate(1, out var refusal);
        return ring is null ? refusal : null;
    }

    public void Register(nint address, long bytes)
    {
        lock (_lock)
        {
            _memory.Add((address, bytes));
            RegisterAll();
        }
    }

    public void Unregister(nint address)
    {
        lock (_lock)
        {
            if (_memory.RemoveAll(m => m.Address == address) > 0)
            {
                RegisterAll();
            }
        }
    }

    public void Enqueue(int tag, in ReadRequest request)
    {
        lock (_lock)
        {
            var buffer = BufferOf(request);
            Add(new()
            {
                Operation = buffer < 0 ? UringNative.Read : UringNative.ReadFixed,
                Flags = _files.MayBlock(request.File) ? UringNative.OnWorker : default,
                File = (int)_files.HandleOf(request.File).DangerousGetHandle(),
                Offset = (ulong)request.Offset,
                Address = (ulong)request.Destination,
                Length = (uint)request.Length,
                Buffer = (ushort)Math.Max(0, buffer),
                UserData = (ulong)tag,
            });
        }
    }

    public void Submit()
    {
        lock (_lock)
        {
            SubmitAll();
        }
    }

    public int Reap(Span<ReadCompletion> completions, TimeSpan wait)
    {
        var count = Collect(completions);
        if (count > 0 || wait <= TimeSpan.Zero)
        {
            return count;
        }

        lock (_lock)
        {
            if (_isWoken)
            {
                return 0;
            }
        }

        var result = UringNative.Wait(_ring.Ring, wait);
        if (result < 0 && -result is not (UringNative.Interrupted or UringNative.TimerExpired or UringNative.TryAgain or UringNative.Busy))
        {
            throw new InvalidOperationException($"io_uring_enter failed: {Marshal.GetPInvokeErrorMessage(-result)}.");
        }

        return Collect(completions);
    }

    public void Wake()
    {
        lock (_lock)
        {
            if (!_isWoken)
            {
                _isWoken = true;
                Add(new() { Operation = UringNative.Nop, UserData = WakeData });
                SubmitAll();
            }
        }
    }

    public void Cancel(int tag)
    {
        lock (_lock)
        {
            Add(new() { Operation = UringNative.AsyncCancel, Address = (ulong)tag, UserData = CancelData });
            SubmitAll();
        }
    }

    public void Dispose() => _ring.Dispose();

    /// <summary>Registered anew as a whole: it happens a few times in a route's life.</summary>
    void RegisterAll()
    {
        if (_buffers.Length > 0)
        {
            _ = UringNative.Register(_ring.Ring, UringNative.UnregisterBuffers, null, 0);
            _buffers = [];
        }

        var buffers = new List<UringNative.Buffer>();
        foreach (var (address, bytes) in _memory)
        {
            for (var done = 0L; done < bytes; done += MostBuffer)
            {
                buffers.Add(new() { Address = address + (nint)done, Length = (nint)Math.Min(MostBuffer, bytes - done) });
            }
        }

        if (buffers.Count == 0)
        {
            return;
        }

        UringNative.Buffer[] all = [.. buffers];
        fixed (UringNative.Buffer* first = all)
        {
            // Refused where the process may not lock that much: reads then pin their pages one by one.
            if (UringNative.Register(_ring.Ring, UringNative.RegisterBuffers, first, all.Length) >= 0)
            {
                _buffers = all;
            }
        }
    }

    int BufferOf(in ReadRequest request)
    {
        for (var i = 0; i < _buffers.Length; i++)
        {
            var start = request.Destination - _buffers[i].Address;
            if (start >= 0 && start + request.Length <= _buffers[i].Length)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>There is always room: entries are submitted at once, and each is taken over by the kernel when it is.</summary>
    void Add(in UringNative.Entry entry)
    {
        var layout = _ring.Layout.Submission;
        var mask = *(uint*)(_ring.Submission + layout.Mask);
        if (_unsubmitted > mask)
        {
            SubmitAll();
        }

        var place = _tail & mask;
        _ring.Entries[place] = entry;
        ((uint*)(_ring.Submission + layout.Array))[place] = place;
        _tail++;
        _unsubmitted++;
        Volatile.Write(ref *(uint*)(_ring.Submission + layout.Tail), _tail);
    }

    void SubmitAll()
    {
        while (_unsubmitted > 0)
        {
            var taken = UringNative.Submit(_ring.Ring, _unsubmitted);
            if (taken >= 0)
            {
                _unsubmitted -= (uint)taken;
            }
            else if (-taken is UringNative.TryAgain or UringNative.Busy)
            {
                // The kernel is short of memory for requests, and has some again soon.
                Thread.Sleep(1);
            }
            else if (-taken != UringNative.Interrupted)
            {
                throw new InvalidOperationException($"io_uring_enter failed: {Marshal.GetPInvokeErrorMessage(-taken)}.");
            }
        }
    }

    int Collect(Span<ReadCompletion> completions)
    {
        var layout = _ring.Layout.Completion;
        var mask = *(uint*)(_ring.Completion + layout.Mask);
        ref var head = ref *(uint*)(_ring.Completion + layout.Head);
        var tail = Volatile.Read(ref *(uint*)(_ring.Completion + layout.Tail));
        var (at, count) = (head, 0);
        for (; at != tail && count < completions.Length; at++)
        {
            var ended = ((UringNative.Completion*)(_ring.Completion + layout.Completions))[at & mask];
            if (ended.UserData == WakeData)
            {
                lock (_lock)
                {
                    _isWoken = false;
                }
            }
            else if (ended.UserData != CancelData)
            {
                completions[count++] = new((int)ended.UserData, Math.Max(0, ended.Result), ErrorOf(ended.Result));
            }
        }

        Volatile.Write(ref head, at);
        return count;
    }

    static ReadError? ErrorOf(int result) => result >= 0
        ? null
        : new(Marshal.GetPInvokeErrorMessage(-result), -result is UringNative.Interrupted or UringNative.TryAgain);
}
