using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Gguf;

/// <summary>
/// Writes one file from front to end while its caller makes what comes next. Large files pass by the page cache where the
/// system allows it: gigabytes of pages still to be written would slow whoever reads the file first.
/// </summary>
sealed unsafe partial class AheadWriter : IDisposable
{
    const int BlockBytes = 8 << 20;
    const int BlockCount = 6;
    const int ThreadCount = 3;
    const int HugePage = 2 << 20;

    /// <summary>Files of at least so many bytes are written directly.</summary>
    const long LeastDirect = 64 << 20;

    /// <summary>Bytes that are brought to the disk at a time where they go through the page cache.</summary>
    const long FlushBytes = 256 << 20;

    readonly SafeFileHandle _handle;
    readonly long _length;
    readonly BlockingCollection<Block> _filled = [];
    readonly BlockingCollection<Block> _free = [];
    readonly List<Block> _blocks = [];
    readonly List<Thread> _threads = [];
    readonly SafeFileHandle? _direct;
    volatile bool _isDirect;
    volatile Exception? _error;
    Block? _current;
    long _position;
    long _unflushed;

    /// <param name="handle">Open for writing; the caller's.</param>
    /// <param name="length">Bytes that the file will have.</param>
    public AheadWriter(SafeFileHandle handle, string path, long length)
    {
        _handle = handle;
        _length = length;
        _direct = length >= LeastDirect ? OpenDirect(path) : null;
        _isDirect = _direct is not null;
    }

    /// <exception cref="IOException">An earlier block could not be written.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var room = Room();
            var count = Math.Min(room.Length, bytes.Length);
            bytes[..count].CopyTo(room);
            Advance(count);
            bytes = bytes[count..];
        }
    }

    /// <summary>Zeros up to a position of the file.</summary>
    public void PadTo(long position)
    {
        while (_position < position)
        {
            var room = Room();
            var count = (int)Math.Min(room.Length, position - _position);
            room[..count].Clear();
            Advance(count);
        }
    }

    /// <summary>Waits for the blocks on their way, then writes the last one: a file that is complete has its full length, no other.</summary>
    /// <exception cref="IOException">Something could not be written.</exception>
    public void Finish()
    {
        Join();
        Check();
        if (_current is { } last)
        {
            RandomAccess.Write(_handle, last.Span[..(int)(_position - last.Offset)], last.Offset);
        }

        if (_length >= LeastDirect)
        {
            RandomAccess.FlushToDisk(_handle);
        }
    }

    public void Dispose()
    {
        Join();
        _direct?.Dispose();
        foreach (var block in _blocks)
        {
            NativeMemory.AlignedFree(block.Address);
        }

        _filled.Dispose();
        _free.Dispose();
    }

    Span<byte> Room()
    {
        _current ??= NextBlock();
        return _current.Span[(int)(_position - _current.Offset)..];
    }

    Block NextBlock()
    {
        Check();
        Block? block;
        if (_blocks.Count < BlockCount)
        {
            var bytes = (int)Math.Min(BlockBytes, _length - _position);
            block = new((byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), (nuint)(bytes == BlockBytes ? HugePage : FileExtent.Alignment)), bytes);
            _blocks.Add(block);
            if (bytes == BlockBytes && OperatingSystem.IsLinux())
            {
                // A direct write from small pages is a request of thousands of pieces.
                _ = Advise(block.Address, BlockBytes, AdviceHugePages);
            }
        }
        else
        {
            block = _free.Take();
            Check();
        }

        block.Offset = _position;
        return block;
    }

    void Advance(int count)
    {
        _position += count;
        if (_position - _current!.Offset < _current.Bytes || _position == _length)
        {
            return;
        }

        if (_threads.Count < ThreadCount)
        {
            var thread = new Thread(WriteBlocks) { IsBackground = true, Name = "GGUF writer" };
            _threads.Add(thread);
            thread.Start();
        }

        _filled.Add(_current);
        _current = null;
    }

    void WriteBlocks()
    {
        foreach (var block in _filled.GetConsumingEnumerable())
        {
            try
            {
                if (_error is null)
                {
                    Write(block);
                }
            }
            catch (Exception e)
            {
                _error = e;
            }

            _free.Add(block);
        }
    }

    void Write(Block block)
    {
        if (_isDirect)
        {
            try
            {
                RandomAccess.Write(_direct!, block.Span, block.Offset);
                return;
            }
            catch (IOException)
            {
                // Opened but not obeyed: some file systems find out only here. Any other reason comes up again below.
                _isDirect = false;
            }
        }

        RandomAccess.Write(_handle, block.Span, block.Offset);
        if (Interlocked.Add(ref _unflushed, block.Bytes) >= FlushBytes)
        {
            Interlocked.Exchange(ref _unflushed, 0);
            RandomAccess.FlushToDisk(_handle);
        }
    }

    void Join()
    {
        if (!_filled.IsAddingCompleted)
        {
            _filled.CompleteAdding();
            _threads.ForEach(t => t.Join());
        }
    }

    void Check()
    {
        if (_error is { } error)
        {
            throw new IOException(error.Message, error);
        }
    }

    /// <summary>Null where the system or the file system has no direct writes.</summary>
    static SafeFileHandle? OpenDirect(string path)
    {
        const int writeOnly = 1;
        const int closeOnExec = 0x80000;
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        // asm-generic has 0x4000; Arm kept its own number.
        var isArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;
        var handle = new SafeFileHandle(Open(path, writeOnly | closeOnExec | (isArm ? 0x10000 : 0x4000)), ownsHandle: true);
        if (handle.IsInvalid)
        {
            handle.Dispose();
            return null;
        }

        return handle;
    }

    const int AdviceHugePages = 14;

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);

    sealed class Block(byte* address, int bytes)
    {
        public byte* Address => address;

        public int Bytes => bytes;

        /// <summary>In the file.</summary>
        public long Offset { get; set; }

        public Span<byte> Span => new(address, bytes);
    }
}
