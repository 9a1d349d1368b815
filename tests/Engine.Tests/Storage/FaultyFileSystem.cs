using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace NvStream.Tests.Storage;

/// <summary>What becomes of one read.</summary>
/// <param name="Error">The error number that it ends with; 0 for none.</param>
/// <param name="MostBytes">Bytes that it gives at most.</param>
/// <param name="Delay">How late it is answered.</param>
/// <param name="Stalls">Not answered before <see cref="FaultyFileSystem.Release"/>.</param>
sealed record ReadFault(int Error = 0, int MostBytes = int.MaxValue, TimeSpan Delay = default, bool Stalls = false);

/// <summary>
/// A file system of one file whose reads the kernel brings here, and which end as the test says: a real descriptor with
/// the kernel's own way of failing, cancelling and waiting. Speaks FUSE (linux/fuse.h) on /dev/fuse itself. Nothing here
/// waits for an answer that is not due, so a read that stalls holds up no other.
/// </summary>
sealed unsafe partial class FaultyFileSystem : IDisposable
{
    public const int Interrupted = 4;
    public const int InputOutput = 5;
    public const int TryAgain = 11;
    public const int NoDevice = 19;

    const int NoEntry = 2;
    const int NotImplemented = 38;
    const int HeaderIn = 40;
    const int HeaderOut = 16;
    const int BufferBytes = 1 << 20;
    const ulong RootNode = 1;
    const ulong FileNode = 2;
    const string FileName = "model.gguf";

    static readonly ReadFault s_none = new();

    readonly Lock _lock = new();
    readonly Lock _replying = new();
    readonly Dictionary<ulong, (long Offset, int Length)> _stalled = [];
    readonly byte[] _content;
    readonly bool _isAsynchronous;
    readonly string _folder;
    readonly int _device;
    readonly Thread _thread;
    Func<long, int, ReadFault>? _onRead;
    long _length;
    long _written = 1_700_000_000;
    int _reads;
    int _interrupts;
    bool _isDisposed;
    bool _isClosed;

    FaultyFileSystem(byte[] content, bool isAsynchronous, string folder, int device)
    {
        _content = content;
        _length = content.Length;
        _isAsynchronous = isAsynchronous;
        _folder = folder;
        _device = device;

        // The process would not end with a read outstanding that only it can answer.
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        _thread = new(Serve) { IsBackground = true, Name = "faulty files" };
        _thread.Start();
    }

    /// <summary>The file.</summary>
    public string Path => System.IO.Path.Combine(_folder, FileName);

    /// <summary>Asked for each read by offset and length; null for reads that simply succeed.</summary>
    public Func<long, int, ReadFault>? OnRead
    {
        set
        {
            lock (_lock)
            {
                _onRead = value;
            }
        }
    }

    /// <summary>Whether a stalled read ends with EINTR when the kernel asks for that.</summary>
    public bool AnswersInterrupts { get; set; }

    /// <summary>Reads that wait to be released.</summary>
    public int Stalled
    {
        get
        {
            lock (_lock)
            {
                return _stalled.Count;
            }
        }
    }

    /// <summary>Reads since the file system was mounted.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>How often the kernel asked for a read to be given up.</summary>
    public int Interrupts => Volatile.Read(ref _interrupts);

    /// <summary>Mounts in a temporary folder; skips the running test with the reason where that cannot be done.</summary>
    /// <param name="content">The file's.</param>
    /// <param name="isAsynchronous">Whether the kernel sends direct reads of asynchronous callers without a thread that waits, which nothing can interrupt.</param>
    public static FaultyFileSystem MountOrSkip(byte[] content, bool isAsynchronous = false)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "FUSE is Linux's");
        Assert.SkipUnless(EffectiveUser() == 0, "mounting takes root");
        const int ReadWriteCloseOnExec = 0x80002;
        var device = Open("/dev/fuse", ReadWriteCloseOnExec);
        Assert.SkipWhen(device < 0, $"/dev/fuse cannot be opened: {LastError()}");
        var folder = Directory.CreateTempSubdirectory("nvstream-faulty-").FullName;
        const nuint ReadOnlyNoSuidNoDev = 7;
        var options = FormattableString.Invariant($"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other");
        if (Mount("faulty", folder, "fuse", ReadOnlyNoSuidNoDev, options) != 0)
        {
            var reason = LastError();
            _ = Close(device);
            Directory.Delete(folder);
            Assert.Skip($"mounting a FUSE file system was refused: {reason}");
        }

        return new(content, isAsynchronous, folder, device);
    }

    /// <summary>Cuts the file; as by truncation through another machine, where the time of the last write need not change at once.</summary>
    public void Shrink(long length, bool changesTime)
    {
        lock (_lock)
        {
            _length = length;
            _written += changesTime ? 1 : 0;
        }
    }

    /// <summary>Answers what has stalled as if nothing had been, and lets all that comes succeed.</summary>
    public void Release()
    {
        (ulong Unique, long Offset, int Length)[] stalled;
        lock (_lock)
        {
            _onRead = null;
            stalled = [.. _stalled.Select(s => (s.Key, s.Value.Offset, s.Value.Length))];
            _stalled.Clear();
        }

        foreach (var (unique, offset, length) in stalled)
        {
            ReplyRead(unique, offset, length);
        }
    }

    /// <summary>The connection is cut: what is outstanding fails, and so does all that comes.</summary>
    public void Abort()
    {
        const int ForceAndDetach = 3;
        _ = Unmount(_folder, ForceAndDetach);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        Abort();
        _thread.Join();
        lock (_replying)
        {
            _isClosed = true;
            _ = Close(_device);
        }

        Directory.Delete(_folder);
    }

    void OnExit(object? sender, EventArgs e) => Dispose();

    void Serve()
    {
        // The kernel never reads a request in part: the buffer has to hold any that may come.
        var buffer = new byte[BufferBytes + 4096];
        while (true)
        {
            nint count;
            fixed (byte* start = buffer)
            {
                count = Read(_device, start, (nuint)buffer.Length);
            }

            if (count >= HeaderIn)
            {
                Answer(buffer.AsSpan(0, (int)count));
            }
            else if (count >= 0 || Marshal.GetLastPInvokeError() is not (Interrupted or TryAgain or NoEntry))
            {
                // ENODEV: unmounted.
                return;
            }
        }
    }

    void Answer(ReadOnlySpan<byte> request)
    {
        var operation = (Operation)BinaryPrimitives.ReadUInt32LittleEndian(request[4..]);
        var unique = BinaryPrimitives.ReadUInt64LittleEndian(request[8..]);
        var node = BinaryPrimitives.ReadUInt64LittleEndian(request[16..]);
        var body = request[HeaderIn..];
        Span<byte> reply = stackalloc byte[128];
        reply.Clear();
        switch (operation)
        {
            case Operation.Forget or Operation.BatchForget:
                break;
            case Operation.Interrupt:
                Interrupt(BinaryPrimitives.ReadUInt64LittleEndian(body));
                break;
            case Operation.Init:
                Reply(unique, 0, Init(body, reply));
                break;
            case Operation.Lookup:
                var name = Encoding.UTF8.GetString(body[..body.IndexOf((byte)0)]);
                if (node != RootNode || name != FileName)
                {
                    Reply(unique, NoEntry, default);
                    break;
                }

                BinaryPrimitives.WriteUInt64LittleEndian(reply, FileNode);
                WriteAttributes(FileNode, reply[40..]);
                Reply(unique, 0, reply);
                break;
            case Operation.GetAttributes:
                // Valid for no time: every question comes here.
                WriteAttributes(node, reply[16..]);
                Reply(unique, 0, reply[..104]);
                break;
            case Operation.Open:
                // Direct: every read comes here, of its own length, whatever the flags of the descriptor.
                BinaryPrimitives.WriteUInt32LittleEndian(reply[8..], 1);
                Reply(unique, 0, reply[..16]);
                break;
            case Operation.OpenFolder:
                Reply(unique, 0, reply[..16]);
                break;
            case Operation.Read:
                BeginRead(unique, BinaryPrimitives.ReadInt64LittleEndian(body[8..]), BinaryPrimitives.ReadInt32LittleEndian(body[16..]));
                break;
            case Operation.StatFileSystem:
                BinaryPrimitives.WriteUInt32LittleEndian(reply[40..], 4096);
                BinaryPrimitives.WriteUInt32LittleEndian(reply[44..], 255);
                BinaryPrimitives.WriteUInt32LittleEndian(reply[48..], 4096);
                Reply(unique, 0, reply[..80]);
                break;
            case Operation.Release or Operation.ReleaseFolder or Operation.Flush or Operation.Access or Operation.Destroy:
                Reply(unique, 0, default);
                break;
            default:
                Reply(unique, NotImplemented, default);
                break;
        }
    }

    /// <summary>struct fuse_init_out.</summary>
    ReadOnlySpan<byte> Init(ReadOnlySpan<byte> body, Span<byte> reply)
    {
        const uint AsyncRead = 1 << 0;
        const uint AsyncDirect = 1 << 15;
        const uint MaxPages = 1 << 22;
        const uint Extended = 1 << 30;
        const uint MappingOfDirect = 1 << (36 - 32);
        const uint RequestTimeout = 1 << (42 - 32);
        var offered = BinaryPrimitives.ReadUInt32LittleEndian(body[12..]);
        var offeredMore = (offered & Extended) != 0 && body.Length >= 20 ? BinaryPrimitives.ReadUInt32LittleEndian(body[16..]) : 0;
        var wanted = AsyncRead | MaxPages | Extended | (_isAsynchronous ? AsyncDirect : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(reply, 7);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[4..], Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(body[4..]), 45));
        BinaryPrimitives.WriteUInt32LittleEndian(reply[12..], offered & wanted);
        BinaryPrimitives.WriteUInt16LittleEndian(reply[16..], 64);
        BinaryPrimitives.WriteUInt16LittleEndian(reply[18..], 64);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[20..], 4096);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[24..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(reply[28..], BufferBytes / 4096);

        // The header is read through a mapping, which files with direct reads have only with this.
        // A process that is killed while reads stall could otherwise be waiting for itself for ever.
        BinaryPrimitives.WriteUInt32LittleEndian(reply[32..], offeredMore & (MappingOfDirect | RequestTimeout));
        BinaryPrimitives.WriteUInt16LittleEndian(reply[40..], 30);
        return reply[..64];
    }

    /// <summary>struct fuse_attr.</summary>
    void WriteAttributes(ulong node, Span<byte> reply)
    {
        const uint Folder = 0x4000 | 0x16D;
        const uint File = 0x8000 | 0x124;
        BinaryPrimitives.WriteUInt64LittleEndian(reply, node);
        lock (_lock)
        {
            BinaryPrimitives.WriteInt64LittleEndian(reply[8..], node == FileNode ? _length : 0);
            BinaryPrimitives.WriteInt64LittleEndian(reply[32..], _written);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(reply[60..], node == FileNode ? File : Folder);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[64..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(reply[80..], 4096);
    }

    void BeginRead(ulong unique, long offset, int length)
    {
        Interlocked.Increment(ref _reads);
        ReadFault fault;
        lock (_lock)
        {
            fault = _onRead?.Invoke(offset, length) ?? s_none;
            if (fault.Stalls)
            {
                _stalled.Add(unique, (offset, length));
                return;
            }
        }

        if (fault.Delay > TimeSpan.Zero)
        {
            _ = Task.Delay(fault.Delay).ContinueWith(_ => End(), TaskScheduler.Default);
        }
        else
        {
            End();
        }

        void End()
        {
            if (fault.Error != 0)
            {
                Reply(unique, fault.Error, default);
            }
            else
            {
                ReplyRead(unique, offset, Math.Min(length, fault.MostBytes));
            }
        }
    }

    void Interrupt(ulong unique)
    {
        Interlocked.Increment(ref _interrupts);
        bool ends;
        lock (_lock)
        {
            ends = AnswersInterrupts && _stalled.Remove(unique);
        }

        if (ends)
        {
            Reply(unique, Interrupted, default);
        }
    }

    void ReplyRead(ulong unique, long offset, int length)
    {
        long end;
        lock (_lock)
        {
            end = _length;
        }

        Reply(unique, 0, _content.AsSpan((int)Math.Min(offset, end), (int)Math.Clamp(end - offset, 0, length)));
    }

    /// <summary>struct fuse_out_header, and what follows it, in one write.</summary>
    void Reply(ulong unique, int error, ReadOnlySpan<byte> body)
    {
        var length = HeaderOut + body.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        BinaryPrimitives.WriteInt32LittleEndian(buffer, length);
        BinaryPrimitives.WriteInt32LittleEndian(buffer.AsSpan(4), -error);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer.AsSpan(8), unique);
        body.CopyTo(buffer.AsSpan(HeaderOut));
        lock (_replying)
        {
            if (!_isClosed)
            {
                fixed (byte* start = buffer)
                {
                    // Refused where nobody waits for the answer any more.
                    _ = Write(_device, start, (nuint)length);
                }
            }
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    static string LastError() => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());

    enum Operation : uint
    {
        Lookup = 1,
        Forget = 2,
        GetAttributes = 3,
        Open = 14,
        Read = 15,
        StatFileSystem = 17,
        Release = 18,
        Flush = 25,
        Init = 26,
        OpenFolder = 27,
        ReleaseFolder = 29,
        Access = 34,
        Interrupt = 36,
        Destroy = 38,
        BatchForget = 42,
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, string options);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
