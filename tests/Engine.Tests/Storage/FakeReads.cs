using System.Collections.Concurrent;
using System.Diagnostics;
using NvStream.Storage;

namespace NvStream.Tests.Storage;

/// <summary>
/// A queue whose reads come as late and as much out of order as the seed says, and fail as they are told to. What it
/// "reads" is each word's file offset.
/// </summary>
sealed unsafe class FakeReads(int depth, int seed, int mostDelayMicroseconds = 200) : IReadQueue
{
    readonly Random _random = new(seed);
    readonly List<(int Tag, ReadRequest Request, long Due)> _inFlight = [];
    readonly ConcurrentQueue<int> _cancelled = new();
    readonly AutoResetEvent _woken = new(false);

    /// <summary>What becomes of a read: its bytes and error, instead of all of them; null for a read that never ends.</summary>
    public Func<ReadRequest, (int Bytes, ReadError? Error)?>? Fault { get; set; }

    /// <summary>Lets reads that never end, end.</summary>
    public volatile bool IsReleased;

    public bool IsDisposed { get; private set; }

    public int Submissions { get; private set; }

    public IReadOnlyCollection<int> Cancelled => _cancelled;

    public List<(nint Address, long Bytes)> Registered { get; } = [];

    public string Name => "fake reads";

    public int Depth => depth;

    public void Register(nint address, long bytes) => Registered.Add((address, bytes));

    public void Unregister(nint address) => Registered.RemoveAll(r => r.Address == address);

    public void Enqueue(int tag, in ReadRequest request)
    {
        if (_inFlight.Exists(r => r.Tag == tag) || _inFlight.Count == depth)
        {
            throw new InvalidOperationException("A tag is in use twice.");
        }

        _inFlight.Add((tag, request, Stopwatch.GetTimestamp() + _random.Next(mostDelayMicroseconds + 1) * Stopwatch.Frequency / 1_000_000));
    }

    public void Submit() => Submissions++;

    public int Reap(Span<ReadCompletion> completions, TimeSpan wait)
    {
        var until = Stopwatch.GetTimestamp() + (long)(wait.TotalSeconds * Stopwatch.Frequency);
        while (true)
        {
            var count = 0;
            for (var i = _inFlight.Count - 1; i >= 0; i--)
            {
                if (Stopwatch.GetTimestamp() >= _inFlight[i].Due && End(_inFlight[i].Request) is { } end)
                {
                    completions[count++] = new(_inFlight[i].Tag, end.Bytes, end.Error);
                    _inFlight.RemoveAt(i);
                }
            }

            if (count > 0 || _woken.WaitOne(0) || Stopwatch.GetTimestamp() >= until)
            {
                return count;
            }

            Thread.Yield();
        }
    }

    public void Wake() => _woken.Set();

    public void Cancel(int tag) => _cancelled.Enqueue(tag);

    public void Dispose()
    {
        Assert.Empty(_inFlight);
        IsDisposed = true;
    }

    (int Bytes, ReadError? Error)? End(in ReadRequest request)
    {
        var fault = Fault is { } judge && !IsReleased ? judge(request) : (request.Length, null);
        if (fault is { } end)
        {
            for (var i = 0; i < end.Bytes; i += sizeof(long))
            {
                *(long*)(request.Destination + i) = request.Offset + i;
            }
        }

        return fault;
    }
}
