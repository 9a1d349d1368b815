using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NvStream.Gguf;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>
/// A file of pattern bytes that exists only while it is measured. On Linux it loses its name as soon as it is created
/// and is read through its handle, so that nothing is left behind whatever becomes of the process; elsewhere the system
/// deletes it when the handle closes. Only for cuFile, which opens a file by its name once more, it keeps the name until
/// it is disposed or the process ends.
/// </summary>
sealed partial class ScratchFile : IDisposable
{
    /// <summary>Free space that a default size leaves to others beside the margin is of no use below this.</summary>
    const long LeastBytes = 64L << 20;
    const long DefaultBytes = 4L << 30;
    const long LeastMargin = 1L << 30;
    const double MarginShare = 0.05;
    const int Block = 4 << 20;
    const int MostWriters = 4;

    /// <summary>Where writes go through the page cache, so many bytes at a time are left for the drive to catch up with.</summary>
    const long FlushBytes = 128L << 20;

    readonly SafeFileHandle _handle;
    readonly bool _keepsName;

    ScratchFile(string folder, SafeFileHandle handle, string path, long bytes, bool keepsName)
    {
        Folder = folder;
        _handle = handle;
        _keepsName = keepsName;
        Pattern = new((ulong)Random.Shared.NextInt64());
        Stored = new(path, bytes, handle);
        if (keepsName)
        {
            AppDomain.CurrentDomain.ProcessExit += OnExit;
        }
    }

    /// <summary>Full path of the folder it was made in.</summary>
    public string Folder { get; }

    /// <summary>What it holds.</summary>
    public ScratchPattern Pattern { get; }

    public StoredFile Stored { get; }

    /// <summary>Bytes of a scratch file for this folder, a multiple of 4096.</summary>
    /// <param name="asked">Bytes asked for; null: 4 GiB, or less where that would fill the disk.</param>
    /// <exception cref="StorageException">ScratchFileFailed: the disk has not that much.</exception>
    public static long BytesFor(string folder, long? asked)
    {
        var free = FreeBytes(folder);
        var room = free - Math.Max(LeastMargin, (long)(free * MarginShare));
        var bytes = asked ?? Math.Min(DefaultBytes, Math.Max(room, LeastBytes));
        bytes = (bytes + FileExtent.Alignment - 1) / FileExtent.Alignment * FileExtent.Alignment;
        return bytes <= room ? bytes : throw StorageException.ScratchFileFailed(folder, bytes, free, $"{free - Math.Max(0, room)} bytes are left to others");
    }

    /// <summary>Makes and writes the file; on failure and cancellation nothing stays.</summary>
    /// <param name="bytes">A multiple of 4096.</param>
    /// <param name="onWritten">Called with the bytes written so far, from any thread, one at a time.</param>
    /// <param name="keepsName">Whether the file is to be found by its path, too.</param>
    /// <exception cref="StorageException">ScratchFileFailed.</exception>
    public static ScratchFile Create(string folder, long bytes, Action<long> onWritten, CancellationToken cancellationToken, bool keepsName = false)
    {
        folder = Path.GetFullPath(folder);
        var path = Path.Combine(folder, $"nvstream-{Guid.NewGuid():N}.scratch");
        try
        {
            keepsName &= OperatingSystem.IsLinux();
            var options = OperatingSystem.IsLinux() ? FileOptions.None : FileOptions.DeleteOnClose;
            var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, options);
            var file = new ScratchFile(folder, handle, path, bytes, keepsName);
            try
            {
                if (OperatingSystem.IsLinux() && !keepsName)
                {
                    File.Delete(path);
                }

                file.Write(onWritten, cancellationToken);
                return file;
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StorageException.ScratchFileFailed(folder, bytes, FreeBytes(folder), e.Message, e);
        }
    }

    public void Dispose()
    {
        if (_keepsName)
        {
            AppDomain.CurrentDomain.ProcessExit -= OnExit;
            OnExit(null, EventArgs.Empty);
        }

        _handle.Dispose();
    }

    void OnExit(object? sender, EventArgs e)
    {
        try
        {
            File.Delete(Stored.Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The folder is gone or closed by now: nobody is left who could do more.
        }
    }

    static long FreeBytes(string folder)
    {
        try
        {
            return new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A share without a drive letter, say: the write will tell.
            return long.MaxValue;
        }
    }

    void Write(Action<long> onWritten, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsLinux() && Allocate(_handle, 0, 0, (nint)Stored.Length) != 0 && Marshal.GetLastPInvokeError() == NoSpace)
        {
            throw new IOException(Marshal.GetPInvokeErrorMessage(NoSpace));
        }

        // Past the page cache: a file of the size of memory would sit there unwritten, and the wait for it at the end
        // could not be cancelled.
        using var direct = OpenDirect(_handle);
        var (gate, next, written, unflushed) = (new Lock(), 0L, 0L, 0L);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var writers = Enumerable.Range(0, Math.Min(MostWriters, Environment.ProcessorCount + 1)).Select(_ => Task.Factory.StartNew(
            WriteBlocks, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        try
        {
            Task.WaitAll(writers, CancellationToken.None);
        }
        catch (AggregateException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var cause = e.Flatten().InnerExceptions.FirstOrDefault(i => i is not OperationCanceledException) ?? e;
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(cause);
        }

        RandomAccess.FlushToDisk(_handle);
        PageCache.Evict(_handle, 0, Stored.Length);

        unsafe void WriteBlocks()
        {
            var memory = NativeMemory.AlignedAlloc(Block, FileExtent.Alignment);
            try
            {
                while (true)
                {
                    stop.Token.ThrowIfCancellationRequested();
                    var offset = Interlocked.Add(ref next, Block) - Block;
                    if (offset >= Stored.Length)
                    {
                        return;
                    }

                    var bytes = new Span<byte>(memory, (int)Math.Min(Block, Stored.Length - offset));
                    Pattern.Fill(bytes, offset);
                    RandomAccess.Write(direct ?? _handle, bytes, offset);
                    lock (gate)
                    {
                        unflushed += bytes.Length;
                        if (direct is null && unflushed >= FlushBytes)
                        {
                            RandomAccess.FlushToDisk(_handle);
                            unflushed = 0;
                        }

                        onWritten(written += bytes.Length);
                    }
                }
            }
            catch
            {
                stop.Cancel();
                throw;
            }
            finally
            {
                NativeMemory.AlignedFree(memory);
            }
        }
    }

    static SafeFileHandle? OpenDirect(SafeFileHandle handle)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        // asm-generic has 0x4000; Arm kept its own number.
        var direct = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;
        var opened = new SafeFileHandle(Open(LinkTo(handle), ReadWrite | CloseOnExec | direct), ownsHandle: true);
        if (!opened.IsInvalid)
        {
            return opened;
        }

        opened.Dispose();
        return null;
    }

    static string LinkTo(SafeFileHandle handle) => FormattableString.Invariant($"/proc/self/fd/{handle.DangerousGetHandle()}");

    const int NoSpace = 28;
    const int ReadWrite = 2;
    const int CloseOnExec = 0x80000;

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Allocate(SafeFileHandle file, int mode, nint offset, nint length);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
