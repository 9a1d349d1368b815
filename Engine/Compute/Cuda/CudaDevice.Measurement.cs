using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>What measurements need beside the operations.</summary>
internal sealed partial class CudaDevice
{
    BandwidthOp Bandwidth => field ??= new(launcher);

    ChecksumOp Summing => field ??= new(launcher);

    /// <summary>Where sums come together: a block of its own, because the reserved one is planned to the last byte.</summary>
    DeviceBlock ChecksumResult => field ??= Own(
        DeviceBlock.TryAllocate(context, sizeof(ulong)) ?? throw DeviceException.OutOfMemory(info.Name, sizeof(ulong), "a checksum"));

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

    public unsafe ulong Checksum(nint address, long bytes)
    {
        Enter(nameof(Checksum));
        var result = ChecksumResult.Value;
        launcher.Interrupt();
        Copies.Clear(context, result, sizeof(ulong), compute);
        if (bytes > 0)
        {
            Summing.Run(address, bytes, result);
        }

        launcher.Interrupt();
        Copies.Download(context, result, readback.Value, sizeof(ulong), compute);
        compute.Synchronize();
        var sum = *(ulong*)readback.Value;
        stalls.Collect();
        return sum;
    }
}
