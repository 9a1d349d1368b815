using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Gguf;

/// <summary>One file of a model.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Length">Bytes when it was opened.</param>
/// <param name="Handle">Open for reading, owned by the <see cref="GgufFile"/>.</param>
public sealed record GgufShard(string Path, long Length, SafeFileHandle Handle);

/// <summary>A model file, or a split set of them: metadata and where each tensor lies. Reads may come from any thread.</summary>
public sealed class GgufFile : IDisposable
{
    /// <summary>
    /// No header is longer (a vocabulary of 256k tokens takes about 15 MB); a file that says so is refused, which also
    /// bounds what a hostile one can make us allocate.
    /// </summary>
    const int MaxHeaderBytes = 128 << 20;

    readonly Dictionary<string, GgufTensor> _byName = [];

    GgufFile(IReadOnlyList<GgufShard> shards, IReadOnlyList<GgufHeader> headers)
    {
        Shards = shards;
        Version = headers[0].Version;
        Metadata = headers[0].Metadata;
        Tensors = [.. headers.SelectMany(header => header.Tensors)];
        Size = shards.Sum(shard => shard.Length);
        foreach (var tensor in Tensors)
        {
            if (!_byName.TryAdd(tensor.Name, tensor))
            {
                throw GgufException.Invalid(
                    shards[tensor.Shard].Path, $"tensor '{tensor.Name}' is also in '{shards[_byName[tensor.Name].Shard].Path}'");
            }
        }
    }

    /// <summary>Full path of the first file.</summary>
    public string Path => Shards[0].Path;

    /// <summary>GGUF version of the first file, 2 or 3.</summary>
    public uint Version { get; }

    /// <summary>The files of the model, one or more.</summary>
    public IReadOnlyList<GgufShard> Shards { get; }

    /// <summary>Of the first file; the others of a split set say nothing about the model.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>Shard by shard in the order of the headers, which is that of the data in files as converters write them.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Bytes of all shards.</summary>
    public long Size { get; }

    /// <summary>
    /// Opens a GGUF, or the whole split set when <paramref name="path"/> is its first file. Headers are checked in full;
    /// weights are not read.
    /// </summary>
    /// <exception cref="GgufException">
    /// GgufNotFound, GgufInvalid, GgufTruncated or GgufVersionUnsupported.
    /// </exception>
    public static GgufFile Open(string path)
    {
        var shards = new List<GgufShard>();
        try
        {
            var first = OpenShard(System.IO.Path.GetFullPath(path), shards);
            var headers = new List<GgufHeader> { first };
            if (GgufSplit.Find(shards[0].Path, first.Metadata) is { } split)
            {
                for (var i = 1; i < split.Count; i++)
                {
                    headers.Add(OpenShard(split.PathOf(i), shards));
                    split.CheckSibling(shards[i].Path, headers[i].Metadata, i);
                }

                split.CheckTensorCount(headers.Sum(header => header.Tensors.Count));
            }

            return new GgufFile(shards, headers);
        }
        catch
        {
            shards.ForEach(shard => shard.Handle.Dispose());
            throw;
        }
    }

    public GgufTensor? FindTensor(string name) => _byName.GetValueOrDefault(name);

    /// <summary>
    /// Copies bytes of a tensor through the page cache. A positional read and not a mapped one, so that a file that
    /// was cut or whose disk failed gives an error; touching a mapped page of it would end the process with SIGBUS.
    /// </summary>
    /// <param name="byteOffset">From the tensor's first byte.</param>
    /// <exception cref="GgufException">GgufTruncated on a short read, StorageReadFailed on an error of the system.</exception>
    public void Read(GgufTensor tensor, long byteOffset, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, tensor.Bytes - destination.Length);
        var shard = Shards[tensor.Shard];
        var position = tensor.Offset + byteOffset;
        while (destination.Length > 0)
        {
            int read;
            try
            {
                read = RandomAccess.Read(shard.Handle, destination, position);
            }
            catch (IOException error)
            {
                throw GgufException.ReadFailed(shard.Path, position, destination.Length, error);
            }

            if (read == 0)
            {
                throw GgufException.Truncated(
                    shard.Path, position, destination.Length, RandomAccess.GetLength(shard.Handle));
            }

            destination = destination[read..];
            position += read;
        }
    }

    public void Dispose()
    {
        foreach (var shard in Shards)
        {
            shard.Handle.Dispose();
        }
    }

    /// <summary>Opens one file, adds it to <paramref name="shards"/> (which owns the handle from then on) and reads its header.</summary>
    static GgufHeader OpenShard(string path, List<GgufShard> shards)
    {
        RefuseIrregular(path);
        try
        {
            var handle = File.OpenHandle(path);
            shards.Add(new GgufShard(path, 0, handle));
            var length = RandomAccess.GetLength(handle);
            shards[^1] = shards[^1] with { Length = length };
            return ReadHeader(path, handle, length, shards.Count - 1);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw GgufException.NotFound(path, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw GgufException.CannotOpen(path, error.Message, error);
        }
    }

    /// <summary>
    /// Opening a pipe would wait for a writer, and a device has no end. Both report a length of zero, as an empty file
    /// does, so none of the three is opened at all.
    /// </summary>
    static void RefuseIrregular(string path)
    {
        if (Directory.Exists(path))
        {
            throw GgufException.CannotOpen(path, "it is a directory");
        }

        // The length of a link is its own, not its target's.
        FileSystemInfo? target = null;
        try
        {
            target = File.ResolveLinkTarget(path, returnFinalTarget: true);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw GgufException.NotFound(path, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw GgufException.CannotOpen(path, error.Message, error);
        }

        var file = new FileInfo(target?.FullName ?? path);
        if (!file.Exists)
        {
            throw GgufException.NotFound(path);
        }

        if (file.Length == 0)
        {
            throw GgufException.Invalid(path, 0, "it is empty, or no regular file but a pipe or device");
        }
    }

    /// <summary>
    /// Parses the header over a read-only map, which pages in just what is looked at. All that is needed is copied and
    /// the map closed before this returns: a map that lived on would turn a later truncation of the file by someone else
    /// into a SIGBUS. What remains is the time of the parse itself, milliseconds from taking the length to the last byte;
    /// a file cut within it still ends the process.
    /// </summary>
    static unsafe GgufHeader ReadHeader(string path, SafeFileHandle handle, long length, int shard)
    {
        if (length == 0)
        {
            throw GgufException.Invalid(path, 0, "it is empty");
        }

        var window = (int)Math.Min(length, MaxHeaderBytes);
        using var map = Map(path, handle, length);
        using var view = map.CreateViewAccessor(0, window, MemoryMappedFileAccess.Read);
        byte* start = null;
        try
        {
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
            return GgufParser.Parse(path, new ReadOnlySpan<byte>(start + view.PointerOffset, window), length, shard);
        }
        finally
        {
            if (start is not null)
            {
                view.SafeMemoryMappedViewHandle.ReleasePointer();
            }
        }
    }

    static MemoryMappedFile Map(string path, SafeFileHandle handle, long length)
    {
        try
        {
            return MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        }
        catch (ArgumentException)
        {
            // An empty file cannot be mapped, and this one was not empty a moment ago.
            throw GgufException.Truncated(path, 0, length, 0);
        }
    }
}
