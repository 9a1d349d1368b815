using NvStream.Storage.CuFile;

namespace NvStream.Tests.Storage;

/// <summary>
/// cuFile as a test wants it: reads end when asked for, or later; some fail, come short or never end. It watches what the
/// library would not forgive: a batch submitted again before its read has ended.
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

    /// <summary>Whether an answer may tell an earlier end again, or that a read is under way, or nothing: reads then end in a random order.</summary>
    public bool RepeatsItself { get; set; }

    public List<CuFileRead> Submitted { get; } = [];

    public List<Batch> Batches { get; } = [];

    public Dictionary<nint, long> Memory { get; } = [];

    public bool IsDisposed { get; private set; }

    public int InFlight => Batches.Count(b => b.IsInFlight);

    public int Looks { get; set; }

    public nint FileAt(int index) => 0x1000 + index;

    public ICuFileBatch CreateBatch()
    {
        if (CreateAnswer != CuFileCode.Success)
        {
            throw CuFileException.From(new(CreateAnswer, 0), "cuFileBatchIOSetUp");
        }

        var batch = new Batch(this);
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

    public sealed class Batch(FakeCuFile owner) : ICuFileBatch
    {
        CuFileRead? _read;
        CuFileEvent? _last;
        bool _isCancelled;

        public bool IsDisposed { get; private set; }

        public bool IsInFlight => !IsDisposed && _read is not null;

        public CuFileError Submit(in CuFileRead read)
        {
            Assert.False(IsDisposed);
            Assert.Null(_read);
            var answer = owner.SubmitAnswer();
            if (answer == CuFileCode.Success)
            {
                _isCancelled = false;
                _read = read;
                owner.Submitted.Add(read);
            }

            return new(answer, 0);
        }

        public CuFileError GetStatus(out CuFileEvent? happened)
        {
            Assert.False(IsDisposed);
            happened = null;
            owner.Looks++;
            var answer = owner.StatusAnswer();
            if (answer != CuFileCode.Success)
            {
                return new(answer, 0);
            }

            var turn = owner.RepeatsItself ? owner._random.Next(4) : 0;
            if (turn == 1)
            {
                happened = _last;
            }
            else if (turn == 2 && _read is { } underWay)
            {
                happened = new() { Cookie = underWay.Cookie, Status = CuFileStatus.Pending };
            }
            else if (turn == 0 && _read is { } read
                && (owner.Outcome(read) ?? (_isCancelled && owner.HonoursCancel ? (CuFileStatus.Canceled, 0) : null)) is { } ended)
            {
                _read = null;
                _last = happened = new() { Cookie = read.Cookie, Status = ended.Status, Result = ended.Result };
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
