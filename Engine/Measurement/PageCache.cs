using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Measurement;

/// <summary>What of a file the operating system keeps in memory: looked at without touching it, emptied, filled. Linux only.</summary>
static partial class PageCache
{
    /// <summary>Below this share, a file counts as not cached.</summary>
    public const double MostCold = 0.01;

    /// <summary>Above this share, a file counts as cached.</summary>
    public const double LeastWarm = 0.99;

    const long Window = 256 << 20;
    const int ProtRead = 1;
    const int MapShared = 1;
    const int AdviceDontNeed = 4;
    const int MayWrite = 2;

    /// <summary>
    /// Share of a file's first bytes that the page cache holds, 0 to 1; null where that cannot be seen. Pages are counted
    /// through a mapping that is never touched, so that looking brings nothing in.
    /// </summary>
    public static double? CachedShare(SafeFileHandle handle, long bytes)
    {
        if (!OperatingSystem.IsLinux() || bytes <= 0)
        {
            return null;
        }

        var page = Environment.SystemPageSize;
        var seen = new byte[Window / page];
        long cached = 0;
        long pages = 0;
        for (long offset = 0; offset < bytes; offset += Window)
        {
            var length = Math.Min(Window, bytes - offset);
            var count = (int)((length + page - 1) / page);
            var address = MemoryMap(0, (nuint)length, ProtRead, MapShared, handle, (nint)offset);
            if (address == -1)
            {
                return null;
            }

            var isSeen = InCore(address, (nuint)length, ref seen[0]) == 0;
            _ = Unmap(address, (nuint)length);
            if (!isSeen)
            {
                return null;
            }

            foreach (var state in seen.AsSpan(0, count))
            {
                cached += state & 1;
            }

            pages += count;
        }

        // Of a file that the caller may not write, Linux calls every page cached, whatever is true.
        return cached == pages && Access(FormattableString.Invariant($"/proc/self/fd/{handle.DangerousGetHandle()}"), MayWrite) != 0 ? null : (double)cached / pages;
    }

    /// <summary>Writes out what is not on the drive yet: only such pages can be forgotten.</summary>
    public static void Flush(SafeFileHandle handle)
    {
        if (OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(handle);
        }
    }

    /// <summary>Asks the system to forget a range of a file. Pages that a process uses by a mapping stay.</summary>
    public static void Evict(SafeFileHandle handle, long offset, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(handle, (nint)offset, (nint)bytes, AdviceDontNeed);
        }
    }

    /// <summary>Reads a file's first bytes, so that the page cache holds them.</summary>
    public static void Fill(SafeFileHandle handle, long bytes, Action<long> onRead, CancellationToken cancellationToken)
    {
        var buffer = new byte[4 << 20];
        for (long offset = 0; offset < bytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var got = RandomAccess.Read(handle, buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - offset)), offset);
            if (got == 0)
            {
                return;
            }

            offset += got;
            onRead(offset);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MemoryMap(nint hint, nuint length, int protection, int flags, SafeFileHandle file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int InCore(nint address, nuint length, ref byte pages);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, nint offset, nint length, int advice);

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);
}
