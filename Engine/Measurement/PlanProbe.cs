using System.Diagnostics;
using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Measurement;

/// <summary>
/// How fast bytes and arithmetic are on this machine, as closely as a plan has to know it: a few copies and products,
/// some tens of milliseconds and megabytes, before anything else is allocated.
/// </summary>
static class PlanProbe
{
    /// <summary>Bytes per second from a file that no probe has read yet: what one drive of this day does at least.</summary>
    const double AssumedStorageRate = 3e9;

    /// <summary>Rows of the products: enough for the device's full rate.</summary>
    const int Rows = 512;

    /// <summary>Outputs of the products at most; the rest of a wider weight goes as fast.</summary>
    const int MostOutputs = 8192;

    const long LinkBytes = 16 << 20;

    /// <summary>Products between two waits for the device.</summary>
    const int ProductsARound = 4;

    static readonly TimeSpan s_time = TimeSpan.FromMilliseconds(25);

    /// <summary>
    /// Rates for a plan; null where it would be the same without: nothing streams, or the device's memory is host memory.
    /// Also where the device has no room to measure.
    /// </summary>
    /// <param name="demand">By a plan without rates.</param>
    /// <param name="path">The model's file.</param>
    /// <param name="route">The one asked for.</param>
    public static PlanRates? Measure(IComputeDevice device, ModelSpec spec, ModelDemand demand, string path, RouteKind route)
    {
        if (device.HostCopies is not { } copies || demand.StorageBytes + demand.HostBytes == 0 || demand.Plan.PassRows < Rows)
        {
            return null;
        }

        try
        {
            return new(StorageRate(device, path, route), LinkRate(device, copies), ProductRate(device, spec, demand.Weights[0]));
        }
        catch (DeviceException e) when (e.ErrorId is "DeviceBudgetTooSmall" or "HostMemoryTooSmall")
        {
            return null;
        }
    }

    /// <summary>Of the fastest route that was probed between these drives and the device, where none is asked for by name.</summary>
    static double StorageRate(IComputeDevice device, string path, RouteKind route)
    {
        var memory = RouteMemory.OfUser();
        var key = RouteMemory.KeyOf(device.Info, PathEnvironment.Of(path, device.Info));
        RouteKind[] routes = route == RouteKind.Auto ? [RouteKind.GpuDirect, RouteKind.HostStaged, RouteKind.CuFileCompat] : [route];
        var known = routes.Max(r => memory.Find(key, r)?.Rate ?? 0);
        return known > 0 ? known : AssumedStorageRate;
    }

    static double LinkRate(IComputeDevice device, IHostCopies copies)
    {
        using var memory = device.Allocate(LinkBytes, "measuring the link");
        return LinkMeter.Measure(copies, memory.Address, LinkBytes, copyFence: 0);
    }

    /// <summary>Multiply-adds per second of prompt rows. Memory is zero, which computes like anything else.</summary>
    static double ProductRate(IComputeDevice device, ModelSpec spec, WeightDemand weight)
    {
        var outputs = Math.Min(weight.Rows, MostOutputs);
        using var weights = device.Allocate(TensorTypes.BytesOf(weight.Type, (long)outputs * weight.Columns), "weights to be measured with");
        using var x = device.Allocate((long)Rows * weight.Columns * sizeof(float), "inputs to be measured with");
        using var y = device.Allocate((long)Rows * outputs * sizeof(float), "outputs to be measured with");
        device.ReserveScratch(Rows, weight.Columns, spec.HeadDim);
        try
        {
            var input = new Matrix(x.Address, Rows, weight.Columns);
            Projection[] product = [new(new(weights.Address, weight.Type, outputs, weight.Columns), new(y.Address, Rows, outputs))];

            // The first loads kernels and wakes the device.
            var fastest = double.MaxValue;
            Issue(1);
            var start = Stopwatch.GetTimestamp();
            do
            {
                fastest = Math.Min(fastest, Issue(ProductsARound) / ProductsARound);
            }
            while (Stopwatch.GetElapsedTime(start) < s_time);

            return (double)Rows * outputs * weight.Columns / Math.Max(1e-9, fastest);

            double Issue(int products)
            {
                var start = Stopwatch.GetTimestamp();
                for (var i = 0; i < products; i++)
                {
                    device.MatMul(input, product);
                }

                device.RecordFence(0).Wait();
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }
        finally
        {
            // Scratch is the device's own until the next is reserved: as little as there can be.
            device.ReserveScratch(1, weight.Columns, spec.HeadDim);
        }
    }
}
