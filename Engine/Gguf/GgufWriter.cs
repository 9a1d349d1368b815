using System.Numerics;

namespace NvStream.Gguf;

/// <summary>
/// Gives the bytes of a tensor from <paramref name="offset"/> on: at least one, at most the rest of the tensor, valid
/// until the next call. It is called again until the tensor is complete, so that no tensor has to be in memory.
/// </summary>
public delegate ReadOnlySpan<byte> GgufTensorData(GgufTensor tensor, long offset);

/// <summary>How <see cref="GgufWriter.Write"/> goes about it.</summary>
public sealed record GgufWriteOptions
{
    /// <summary>Writes header and length only and leaves the weights as a hole that reads as zeros.</summary>
    public bool Sparse { get; init; }

    /// <summary>Replaces files that are there.</summary>
    public bool Overwrite { get; init; }

    /// <summary>
    /// More than 1: a split set NAME-00001-of-0000N.gguf for the path NAME.gguf, cut between tensors into about equal
    /// files.
    /// </summary>
    public int Files { get; init; } = 1;

    /// <summary>Told, on the writing thread, the bytes of all files so far, about every MiB.</summary>
    public IProgress<long>? Progress { get; init; }

    public CancellationToken CancellationToken { get; init; }
}

/// <summary>Writes GGUF version 3. Gather metadata and tensor infos first, then write once or more.</summary>
public sealed class GgufWriter
{
    const string AlignmentKey = "general.alignment";

    readonly List<KeyValuePair<string, object>> _metadata = [];
    readonly List<GgufTensor> _tensors = [];
    readonly HashSet<string> _keys = [];
    readonly HashSet<string> _names = [];
    readonly int _alignment;

    /// <param name="alignment">Of each tensor's data: a power of two, at least 8. Other than 32 it is noted in the metadata.</param>
    public GgufWriter(int alignment = GgufParser.DefaultAlignment)
    {
        if (alignment is < 8 or > GgufParser.MaxAlignment || !BitOperations.IsPow2(alignment))
        {
            throw new ArgumentOutOfRangeException(
                nameof(alignment), alignment, $"expected a power of two from 8 to {GgufParser.MaxAlignment}");
        }

        _alignment = alignment;
        if (alignment != GgufParser.DefaultAlignment)
        {
            Set(AlignmentKey, (uint)alignment);
        }
    }

    /// <summary>Bytes of all tensors, without padding and headers.</summary>
    public long TensorBytes => _tensors.Sum(tensor => tensor.Bytes);

    /// <summary>
    /// Adds a metadata value, whose type in the file follows from its CLR type: see <see cref="GgufMetadata"/> for these;
    /// any list of strings is taken for an array of strings.
    /// </summary>
    public GgufWriter Set(string key, object value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        _ = GgufValueWriter.TypeOf(value);
        if (!_keys.Add(key))
        {
            throw new ArgumentException($"metadata '{key}' is set twice", nameof(key));
        }

        _metadata.Add(new(key, value));
        return this;
    }

    /// <summary>Adds a tensor; the data follow in this order.</summary>
    /// <param name="shape">1 to 4 sizes, columns first; columns must be whole blocks of the type.</param>
    public GgufWriter AddTensor(string name, TensorType type, params IReadOnlyList<long> shape)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var (blockElements, _) = TensorTypes.Block(type);
        if (shape.Count is 0 or > GgufParser.MaxDimensions || shape.Any(size => size is <= 0 or > int.MaxValue)
            || blockElements == 0 || shape[0] % blockElements != 0)
        {
            throw new ArgumentException(
                $"tensor '{name}' of shape [{string.Join(", ", shape)}] cannot be stored as {type}", nameof(shape));
        }

        if (!_names.Add(name))
        {
            throw new ArgumentException($"tensor '{name}' is added twice", nameof(name));
        }

        var elements = shape.Aggregate(1L, (product, size) => checked(product * size));
        _tensors.Add(new GgufTensor(name, type, shape, 0, 0, TensorTypes.BytesOf(type, elements)));
        return this;
    }

    /// <summary>Writes the model. A file that cannot be finished is removed, and so are the other files of its set.</summary>
    /// <param name="data">The weights; may be null for a sparse file.</param>
    /// <returns>Full paths of the files, first one first.</returns>
    /// <exception cref="GgufException">GgufWriteFailed: it exists already, the disk is full, no permission.</exception>
    public IReadOnlyList<string> Write(string path, GgufTensorData? data, GgufWriteOptions? options = null)
    {
        options ??= new GgufWriteOptions();
        if (data is null && !options.Sparse)
        {
            throw new ArgumentNullException(nameof(data), "only a sparse file needs no data");
        }

        path = Path.GetFullPath(path);
        var shards = Cut(options.Files);
        var written = 0L;
        var paths = new List<string>();
        try
        {
            for (var i = 0; i < shards.Count; i++)
            {
                var file = shards.Count == 1 ? path : GgufSplit.Name(Stem(path), i, shards.Count);
                var (header, tensors, length) = Layout(shards[i], i, shards.Count);
                paths.Add(GgufFileWriter.Write(file, header, tensors, length, data, options, ref written));
            }
        }
        catch
        {
            paths.ForEach(File.Delete);
            throw;
        }

        return paths;
    }

    /// <summary>The header of the model as one file, and that file's length.</summary>
    internal (byte[] Header, long Length) Header()
    {
        var (header, _, length) = Layout(_tensors, 0, 1);
        return (header, length);
    }

    static string Stem(string path) =>
        path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) ? path[..^5] : path;

    List<List<GgufTensor>> Cut(int files)
    {
        if (files < 1 || files > Math.Clamp(_tensors.Count, 1, ushort.MaxValue))
        {
            throw new ArgumentException($"{_tensors.Count} tensors cannot be cut into {files} files");
        }

        var shards = new List<List<GgufTensor>> { new() };
        var total = TensorBytes;
        var before = 0L;
        for (var i = 0; i < _tensors.Count; i++)
        {
            // Each later file has to get at least one tensor.
            var left = files - shards.Count;
            if (left > 0 && shards[^1].Count > 0
                && (before >= (Int128)total * shards.Count / files || _tensors.Count - i == left))
            {
                shards.Add([]);
            }

            shards[^1].Add(_tensors[i]);
            before += _tensors[i].Bytes;
        }

        return shards;
    }

    (byte[] Header, GgufTensor[] Tensors, long Length) Layout(List<GgufTensor> tensors, int index, int count)
    {
        IEnumerable<KeyValuePair<string, object>> metadata = index == 0
            ? _metadata
            : _metadata.Where(pair => pair.Key == AlignmentKey);
        if (count > 1)
        {
            metadata = metadata.Concat(GgufSplit.Metadata(index, count, _tensors.Count));
        }

        var pairs = metadata.ToList();
        using var stream = new MemoryStream();
        using var output = new BinaryWriter(stream);
        output.Write(GgufParser.Magic);
        output.Write(3u);
        output.Write((ulong)tensors.Count);
        output.Write((ulong)pairs.Count);
        foreach (var (key, value) in pairs)
        {
            GgufValueWriter.WriteString(output, key);
            GgufValueWriter.WriteTyped(output, value);
        }

        var offset = 0L;
        foreach (var tensor in tensors)
        {
            GgufValueWriter.WriteString(output, tensor.Name);
            output.Write(tensor.Shape.Count);
            foreach (var size in tensor.Shape)
            {
                output.Write(size);
            }

            output.Write((int)tensor.Type);
            output.Write(offset);
            offset = Align(checked(offset + tensor.Bytes));
        }

        output.Flush();
        var data = Align(stream.Length);
        stream.SetLength(data);
        var placed = new GgufTensor[tensors.Count];
        var end = data;
        for (var i = 0; i < placed.Length; i++)
        {
            placed[i] = tensors[i] with { Shard = index, Offset = end };
            end = Align(checked(end + tensors[i].Bytes));
        }

        return (stream.ToArray(), placed, end);
    }

    long Align(long offset) => (offset + _alignment - 1) & -_alignment;
}
