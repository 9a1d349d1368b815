using NvStream.Storage.CuFile;

namespace NvStream.Tests.Storage;

/// <summary>
/// cuFile as a test wants it: reads end in a random order, a few at a time, when asked for; some fail, come short or
/// never end. It watches what the library would not forgive: a batch submitted again before its last read has ended.
/// </summary>
sealed class FakeCuFile(int seed) : ICuFile
{
    readonly Random _random = new(seed);

    public string Version => "1.15";

    /// <summary>What becomes of a read; by default it completes. Null: it does not end.</summary>
    public Func<CuFileRead, (CuFileStatus Status, long Result)?> Outcome { get; set; } = r => (CuFileStatus.Complete, (long)r.Bytes);

    public Func<CuFileCode> SubmitAnswer { get; set; } = () => CuFileCode.Success;

    public Func<CuFileCode> StatusAnswer { get; set; } = () => CuFileCode.Success;

    public CuFileCode CreateAnswer { get; set; }

    public CuFileCode RegisterAnswer { get; set; }

    /// <summary>Whether cancelling ends reads that would not end.</summary>
    public bool HonoursCancel { get; set; } = true;

    /// <summary>Most events that an answer has.</summary>
    public int MostEvents { get; set; } = 2;

    /// <summary>Whether an event comes twice now and then, or one that says that a read is under way.</summary>
    public bool RepeatsItself { get; set; }

    public List<CuFileRead> Submitted { get; } = [];

    public List<int> SubmissionSizes { get; } = [];

    public List<Batch> Batches { get; } = [];

    public Dictionary<nint, long> Memory { get; } = [];

    public bool IsDisposed { get; private set; }

    public int InFlight => Batches.Sum(b => b.InFlight);

    public int Waits { get; set; }

    public nint FileAt(int index) => 0x1000 + index;

    public ICuFileBatch CreateBatch(int entries)
    {
        if (CreateAnswer != CuFileCode.Success)
        {
            throw CuFileException.From(new(CreateAnswer, 0), "cuFileBatchIOSetUp");
        }

        var batch = new Batch(this, entries);
        Batches.Add(batch);
        return batch;
    }

    public CuFileError Register(nint address, long bytes)
    {
        if (RegisterAnswer == CuFileCode.Success)
        {
            Memory.Add(address, bytes);
        }

        return new(RegisterAnswer, 0);
    }

    public void Unregister(nint address) => Assert.True(Memory.Remove(address));

    public void Dispose()
    {
        Assert.All(Batches, b => Assert.True(b.IsDisposed));
        Assert.Empty(Memory);
        IsDisposed = true;
    }

    public sealed class Batch(FakeCuFile owner, int entries) : ICuFileBatch
    {
        readonly List<CuFileRead> _reads = [];
        CuFileEvent? _last;
        bool _isCancelled;

        public bool IsDisposed { get; private set; }

        public int InFlight => IsDisposed ? 0 : _reads.Count;

        public CuFileError Submit(ReadOnlySpan<CuFileRead> reads)
        {
            Assert.False(IsDisposed);
            Assert.Empty(_reads);
            Assert.InRange(reads.Length, 1, entries);
            owner.SubmissionSizes.Add(reads.Length);
            var answer = owner.SubmitAnswer();
            if (answer == CuFileCode.Success)
            {
                _isCancelled = false;
                _reads.AddRange(reads);
                owner.Submitted.AddRange(reads);
            }

            return new(answer, 0);
        }

        public CuFileError GetStatus(int least, Span<CuFileEvent> events, TimeSpan wait, out int count)
        {
            Assert.False(IsDisposed);
            Assert.InRange(least, 0, events.Length);
            count = 0;
            owner.Waits += least;
            var answer = owner.StatusAnswer();
            if (answer != CuFileCode.Success)
            {
                return new(answer, 0);
            }

            if (owner.RepeatsItself && _last is { } again && events.Length > 1)
            {
                events[count++] = again;
            }

            var most = Math.Min(events.Length, owner.MostEvents);
            for (var tries = _reads.Count; tries > 0 && count < most; tries--)
            {
                var index = owner._random.Next(_reads.Count);
                var read = _reads[index];
                var outcome = owner.Outcome(read) ?? (_isCancelled && owner.HonoursCancel ? (CuFileStatus.Canceled, 0) : null);
                if (outcome is { } ended)
                {
                    _reads.RemoveAt(index);
                    _last = events[count++] = new() { Cookie = read.Cookie, Status = ended.Status, Result = ended.Result };
                }
                else if (owner.RepeatsItself)
                {
                    events[count++] = new() { Cookie = read.Cookie, Status = CuFileStatus.Pending };
                }
            }

            return default;
        }

        public CuFileError Cancel()
        {
            _isCancelled = true;
            return default;
        }

        public void Dispose() => IsDisposed = true;
    }
}
