using System.Diagnostics;
using NvStream.Compute;
using NvStream.Streaming;

namespace NvStream.Measurement;

/// <summary>
/// Measures a device: its link, its memory, and the products of a model with weights of the model's own types and
/// shapes, one after the other over more memory than a processor's cache holds, as in a pass.
/// </summary>
static class RateMeter
{
    const long LeastBytes = 256L << 20;
    const int Rounds = 3;
    const int HeadDim = 64;

    /// <summary>Weights that make up so much of the model's bytes are timed; the rest counts like them, byte for byte.</summary>
    const double TimedShare = 0.97;

    /// <summary>Half-precision and single-precision numbers of about one, and plausible scales in every block format: no denormals, no NaN.</summary>
    const byte Filling = 0x3C;

    static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(60);

    /// <exception cref="DeviceException">The device has not the memory for it.</exception>
    public static MeasuredRates Measure(IComputeDevice device, ModelDemand demand, ProgressMeter progress, CancellationToken cancellationToken)
    {
        var timed = Timed(demand);
        progress.Begin("Measuring the device", timed.Sum(w => w.Bytes));
        var bytes = Math.Max(LeastBytes, timed.Max(w => Padded(w.BytesEach)));
        var columns = timed.Max(w => w.Columns);
        var outputs = timed.Max(w => w.Rows);
        device.ReserveScratch(Prediction.Batch, columns, HeadDim);
        using var weights = device.Allocate(bytes, "weights to be measured with");
        using var x = device.Allocate((long)Prediction.Batch * columns * sizeof(float), "inputs to be measured with");
        using var y = device.Allocate((long)Prediction.Batch * outputs * sizeof(float), "outputs to be measured with");
        Fill(device, weights);
        Fill(device, x);

        var link = device.HostCopies is { } copies ? LinkMeter.Measure(copies, weights.Address, bytes, copyFence: 0) : (double?)null;
        var memory = MemoryRate(device, weights);
        var (one, eight, done, part) = (TimeSpan.Zero, TimeSpan.Zero, 0L, 0L);
        foreach (var weight in timed)
        {
            one += ProductTime(device, weight, weights, x, y, 1, cancellationToken) * weight.Count;
            eight += ProductTime(device, weight, weights, x, y, Prediction.Batch, cancellationToken) * weight.Count;
            part += weight.Bytes;
            progress.Report(done += weight.Bytes);
        }

        var whole = (double)demand.WeightBytes / part;
        return new(link, memory, one * whole, eight * whole);
    }

    static List<WeightDemand> Timed(ModelDemand demand)
    {
        var timed = new List<WeightDemand>();
        long bytes = 0;
        foreach (var weight in demand.Weights)
        {
            if (bytes >= TimedShare * demand.WeightBytes)
            {
                break;
            }

            timed.Add(weight);
            bytes += weight.Bytes;
        }

        return timed;
    }

    static double MemoryRate(IComputeDevice device, DeviceMemory memory)
    {
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i <= Rounds; i++)
        {
            var start = Stopwatch.GetTimestamp();
            device.Checksum(memory.Address, memory.Length);
            var time = Stopwatch.GetElapsedTime(start);
            fastest = i > 0 && time < fastest ? time : fastest;
        }

        return memory.Length / Math.Max(1e-9, fastest.TotalSeconds);
    }

    /// <summary>Time of one product, in the middle of several rounds.</summary>
    static TimeSpan ProductTime(
        IComputeDevice device, WeightDemand kind, DeviceMemory memory, DeviceMemory x, DeviceMemory y, int rows, CancellationToken cancellationToken)
    {
        var each = Padded(kind.BytesEach);
        var copies = (int)Math.Min(4096, memory.Length / each);
        var input = new Matrix(x.Address, rows, kind.Columns);
        var projections = Enumerable.Range(0, copies).Select(i => new Projection(
            new(memory.Address + (nint)(i * each), kind.Type, kind.Rows, kind.Columns), new(y.Address, rows, kind.Rows))).ToArray();
        var times = new double[Rounds];
        for (var round = -1; round < Rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            var products = 0;
            do
            {
                // A stretch at a time: a wait after each product would be measured along with it.
                for (var i = 0; i < Math.Min(copies, 16); i++, products++)
                {
                    device.MatMul(input, projections.AsSpan(products % copies, 1), rows);
                }

                device.RecordFence(0).Wait();
            }
            while (Stopwatch.GetElapsedTime(start) < s_round);

            if (round >= 0)
            {
                times[round] = Stopwatch.GetElapsedTime(start).TotalSeconds / products;
            }
        }

        return TimeSpan.FromSeconds(Statistics.Median(times));
    }

    static long Padded(long bytes) => (bytes + 4095) / 4096 * 4096;

    static void Fill(IComputeDevice device, DeviceMemory memory)
    {
        var part = new byte[4 << 20];
        part.AsSpan().Fill(Filling);
        for (long done = 0; done < memory.Length; done += part.Length)
        {
            device.Write(part.AsSpan(0, (int)Math.Min(part.Length, memory.Length - done)), memory.Address + (nint)done);
        }
    }
}
