using System.Buffers;

namespace NvStream.Storage;

/// <summary>Asynchronous reads by the runtime: overlapped ones on Windows, where a handle opened for them needs no threads.</summary>
sealed class OverlappedReads : IReadQueue
{
    readonly StoredFiles _files;
    readonly CompletionBox _ended = new();
    readonly Read[] _reads;

    public OverlappedReads(StoredFiles files, int depth)
    {
        _files = files;
        _reads = [.. Enumerable.Range(0, depth).Select(tag => new Read(tag, _ended))];
    }

    public string Name => "overlapped reads";

    public int Depth => _reads.Length;

    public void Register(nint address, long bytes)
    {
    }

    public void Unregister(nint address)
    {
    }

    public void Enqueue(int tag, in ReadRequest request) => _reads[tag].Start(_files, request);

    public void Submit()
    {
    }

    public int Reap(Span<ReadCompletion> completions, TimeSpan wait) => _ended.Reap(completions, wait);

    public void Wake() => _ended.Wake();

    public void Cancel(int tag)
    {
    }

    /// <summary>No read is in flight any more.</summary>
    public void Dispose()
    {
    }

    /// <summary>A read and the memory that it leads to; used again and again.</summary>
    sealed class Read(int tag, CompletionBox ended) : MemoryManager<byte>
    {
        ReadRequest _request;

        public void Start(StoredFiles files, in ReadRequest request)
        {
            _request = request;
            _ = RunAsync(files);
        }

        async Task RunAsync(StoredFiles files)
        {
            ReadCompletion completion;
            try
            {
                completion = new(tag, await RandomAccess.ReadAsync(files.HandleOf(_request.File), Memory, _request.Offset).ConfigureAwait(false), null);
            }
            catch (Exception e)
            {
                // Whatever it is, it belongs to the one who waits: nobody looks at this task.
                completion = new(tag, 0, new(e.Message));
            }

            ended.Add(completion);
        }

        public override unsafe Span<byte> GetSpan() => new((void*)_request.Destination, _request.Length);

        public override unsafe MemoryHandle Pin(int elementIndex = 0) => new((byte*)_request.Destination + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
