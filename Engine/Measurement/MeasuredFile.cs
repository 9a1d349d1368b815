using Microsoft.Win32.SafeHandles;
using NvStream.Gguf;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>The file that is read: a given one, or a scratch file in a given folder.</summary>
sealed class MeasuredFile : IDisposable
{
    readonly IDisposable _owned;

    MeasuredFile(string path, StoredFile stored, long bytes, FileContent content, IDisposable owned)
    {
        Path = path;
        Stored = stored;
        Bytes = bytes;
        Content = content;
        _owned = owned;
    }

    /// <summary>For rows: the file, or the scratch file's folder.</summary>
    public string Path { get; }

    public StoredFile Stored { get; }

    public SafeFileHandle Handle => Stored.Handle;

    /// <summary>Bytes from the start that are read, a multiple of 4096.</summary>
    public long Bytes { get; }

    public FileContent Content { get; }

    /// <param name="isForCuFile">Whether cuFile will be asked to read it.</param>
    /// <exception cref="StorageException">PathUnreadable, ScratchFileFailed.</exception>
    public static MeasuredFile Open(string path, PathRequest request, bool isForCuFile, ProgressMeter progress, CancellationToken cancellationToken)
    {
        path = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(path))
        {
            var bytes = ScratchFile.BytesFor(path, request.Size);
            progress.Begin("Writing the scratch file", bytes);
            var scratch = ScratchFile.Create(path, bytes, progress.Report, cancellationToken, keepsName: isForCuFile);
            return new(path, scratch.Stored, bytes, FileContent.Of(scratch.Pattern), scratch);
        }

        try
        {
            var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var length = RandomAccess.GetLength(handle);
            var bytes = Math.Min(length, request.Size ?? PathBenchmark.DefaultBytes) / FileExtent.Alignment * FileExtent.Alignment;
            if (bytes > 0)
            {
                PageCache.Flush(handle);
                return new(path, new(path, length, handle), bytes, FileContent.Of(handle), handle);
            }

            handle.Dispose();
            throw StorageException.PathUnreadable(path, $"it has {length} bytes, and at least {FileExtent.Alignment} are needed");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StorageException.PathUnreadable(path, e.Message, e);
        }
    }

    public void Dispose() => _owned.Dispose();
}
