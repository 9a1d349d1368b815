using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Storage;

/// <summary>Opening files for positional reads past the page cache, where system and file system allow it.</summary>
static partial class DirectFile
{
    const int ReadOnly = 0;
    const int CloseOnExec = 0x80000;

    /// <summary>Windows' FILE_FLAG_NO_BUFFERING, which .NET passes through without naming it.</summary>
    const FileOptions NoBuffering = (FileOptions)0x20000000;

    // asm-generic has 0x4000; Arm kept its own number.
    static int DirectFlag => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;

    /// <summary>Opens for direct reads and proves it with one; null with the reason where that is refused.</summary>
    public static SafeFileHandle? Open(StoredFile file, out string refusal)
    {
        refusal = "";
        var path = file.Path;
        SafeFileHandle handle;
        if (OperatingSystem.IsLinux())
        {
            // A memory file system may accept the flag (Linux 6.6 does) and still serve from the page cache.
            if (FileSystemOf(path) is { } name && name is "tmpfs" or "ramfs")
            {
                refusal = $"'{path}' lies on {name}, which has no direct reads";
                return null;
            }

            handle = OpenSame(file);
            if (handle.IsInvalid)
            {
                refusal = $"opening '{path}' with O_DIRECT was refused ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())})";
                handle.Dispose();
                return null;
            }
        }
        else if (OperatingSystem.IsWindows())
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, NoBuffering | FileOptions.Asynchronous);
        }
        else
        {
            refusal = "this operating system has no direct reads that the engine knows";
            return null;
        }

        if (ProbeRead(handle) is { } error)
        {
            refusal = $"a direct read of '{path}' was refused ({error})";
            handle.Dispose();
            return null;
        }

        return handle;
    }

    /// <summary>Whether the file system is one that keeps to "do not wait" when reads are started.</summary>
    public static bool IsOnLocalDrive(string path) =>
        FileSystemOf(path) is { } name && (name.StartsWith("ext", StringComparison.Ordinal) || name is "xfs" or "btrfs" or "f2fs");

    /// <summary>Whether a program serves the file's reads.</summary>
    public static bool IsServed(string path) => FileSystemOf(path) is { } name && name.StartsWith("fuse", StringComparison.OrdinalIgnoreCase);

    /// <summary>The file that the handle means, even when its name is gone or another's by now.</summary>
    static SafeFileHandle OpenSame(StoredFile file)
    {
        const int Flags = ReadOnly | CloseOnExec;
        var link = Open(FormattableString.Invariant($"/proc/self/fd/{file.Handle.DangerousGetHandle()}"), Flags | DirectFlag);
        return new(link >= 0 || Directory.Exists("/proc/self/fd") ? link : Open(file.Path, Flags | DirectFlag), ownsHandle: true);
    }

    static unsafe string? ProbeRead(SafeFileHandle handle)
    {
        const int Page = Gguf.FileExtent.Alignment;
        var buffer = NativeMemory.AlignedAlloc(Page, Page);
        try
        {
            RandomAccess.Read(handle, new Span<byte>(buffer, Page), 0);
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    static string? FileSystemOf(string path)
    {
        try
        {
            return new DriveInfo(Path.GetDirectoryName(Path.GetFullPath(path))!).DriveFormat;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
