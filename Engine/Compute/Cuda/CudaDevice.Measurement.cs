using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>What measurements need beside the operations.</summary>
internal sealed partial class CudaDevice
{
    BandwidthOp Bandwidth => field ??= new(launcher);

    /// <summary>Waits for what was issued before, and returns the device's own time for what <paramref name="issue"/> issues.</summary>
    public TimeSpan Time(Action issue)
    {
        Enter(nameof(Time));
        using var start = CudaEvent.Create(context, EventUse.Timing);
        using var end = CudaEvent.Create(context, EventUse.Timing);
        compute.Synchronize();
        launcher.Interrupt();
        start.Record(compute);
        issue();
        end.Record(compute);
        end.Synchronize();
        return end.Since(start);
    }

    /// <summary>Reads memory from end to end as fast as it can be read. Its first four bytes change.</summary>
    public void ReadThrough(DeviceMemory memory)
    {
        Enter();
        Bandwidth.Run(memory.Address, memory.Length, memory.Address);
    }
}
