using Microsoft.Win32.SafeHandles;

namespace NvStream.Storage;

/// <summary>
/// A route's open files. Read by positional reads and never mapped: a file that shrinks under a mapping raises SIGBUS,
/// which would end the whole shell, where a read comes up short and can say so.
/// </summary>
sealed class StoredFiles : IDisposable
{
    readonly IReadOnlyList<StoredFile> _files;
    readonly SafeFileHandle[] _handles;
    readonly DateTime[] _written;
    readonly bool[] _mayBlock;
    readonly bool _ownsHandles;

    StoredFiles(IReadOnlyList<StoredFile> files, SafeFileHandle[] handles, bool isDirect)
    {
        _files = files;
        _handles = handles;
        _written = [.. handles.Select(File.GetLastWriteTimeUtc)];
        IsServed = files.Any(f => DirectFile.IsServed(f.Path));
        _mayBlock = [.. files.Select(f => !DirectFile.IsOnLocalDrive(f.Path))];
        _ownsHandles = IsDirect = isDirect;
    }

    /// <summary>Whether reads go past the page cache.</summary>
    public bool IsDirect { get; }

    public StoredFile this[int file] => _files[file];

    /// <summary>Opens every file for reads past the page cache; null with the reason where one refuses.</summary>
    public static StoredFiles? TryOpenDirect(IReadOnlyList<StoredFile> files, out string refusal)
    {
        refusal = "";
        var handles = new List<SafeFileHandle>();
        foreach (var file in files)
        {
            if (DirectFile.Open(file, out refusal) is not { } handle)
            {
                handles.ForEach(h => h.Dispose());
                return null;
            }

            handles.Add(handle);
        }

        return new(files, [.. handles], isDirect: true);
    }

    /// <summary>Through the page cache, with the handles that the files have open.</summary>
    public static StoredFiles OpenCached(IReadOnlyList<StoredFile> files) => new(files, [.. files.Select(f => f.Handle)], isDirect: false);

    public SafeFileHandle HandleOf(int file) => _handles[file];

    /// <summary>Whether a file lies on FUSE, where io_uring takes a short direct read's beginning for its rest (seen in Linux 6.18).</summary>
    public bool IsServed { get; }

    /// <summary>
    /// Whether merely starting a read may take as long as the read. File systems on local drives queue it and return;
    /// others (FUSE) may say that they do, and wait for a server.
    /// </summary>
    public bool MayBlock(int file) => _mayBlock[file];

    /// <summary>The path of a file that somebody has written to since it was opened; null where there is none.</summary>
    public string? FindChanged()
    {
        for (var i = 0; i < _handles.Length; i++)
        {
            if (File.GetLastWriteTimeUtc(_handles[i]) != _written[i])
            {
                return _files[i].Path;
            }
        }

        return null;
    }

    public void Dispose()
    {
        if (_ownsHandles)
        {
            Array.ForEach(_handles, h => h.Dispose());
        }
    }
}
