using System.Runtime.InteropServices;
using NvStream.Compute.Cpu;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>A block of a card's memory.</summary>
internal sealed partial class DeviceBlock : CudaHandle
{
    DeviceBlock(CudaContext context, nint value)
        : base(context, value)
    {
    }

    /// <summary>Null where the card has not that much in one piece.</summary>
    public static DeviceBlock? TryAllocate(CudaContext context, long bytes)
    {
        context.Enter();
        var result = MemAlloc(out var value, (nuint)bytes);
        if (result is CudaResult.OutOfMemory or CudaResult.InvalidValue)
        {
            // The other answer to a size: more than there can be.
            return null;
        }

        context.Check(result, "cuMemAlloc");
        return new(context, value);
    }

    /// <summary>Bytes that are free on the card, and that it has.</summary>
    public static (long Free, long Total) Info(CudaContext context)
    {
        context.Enter();
        context.Check(MemGetInfo(out var free, out var total), "cuMemGetInfo");
        return ((long)free, (long)total);
    }

    protected override CudaResult Destroy(nint value) => MemFree(value);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemAlloc_v2")]
    private static partial CudaResult MemAlloc(out nint address, nuint bytes);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemFree_v2")]
    private static partial CudaResult MemFree(nint address);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemGetInfo_v2")]
    private static partial CudaResult MemGetInfo(out nuint free, out nuint total);
}

/// <summary>
/// Page-locked host memory, which a card's copy engines read and write by themselves. Large blocks are pages of ours that
/// the driver locks: huge ones, which it locks four times as fast as it allocates small ones, and into which direct
/// reads are requests of a few segments instead of thousands.
/// </summary>
internal sealed partial class PinnedBlock : CudaHandle
{
    const uint Portable = 1;
    const long HugePage = 2 << 20;

    /// <summary>Memory left to others: touching pages that are not there ends a process, where the driver says that it has none.</summary>
    const long Margin = 1L << 30;

    readonly CpuMemory? pages;

    PinnedBlock(CudaContext context, nint value, CpuMemory? pages = null)
        : base(context, value) => this.pages = pages;

    /// <exception cref="DeviceException">HostMemoryTooSmall.</exception>
    public static PinnedBlock Allocate(CudaContext context, long bytes, string purpose)
    {
        context.Enter();
        return (bytes is >= HugePage and < long.MaxValue / 2 && bytes + Margin <= CpuInfo.FreeMemory ? TryLock(context, bytes, purpose) : null) ?? AllocateByDriver(context, bytes, purpose);
    }

    /// <summary>Null where the system or the driver refuses.</summary>
    static PinnedBlock? TryLock(CudaContext context, long bytes, string purpose)
    {
        CpuMemory pages;
        try
        {
            pages = CpuMemory.Allocate(bytes, "the host", purpose);
        }
        catch (DeviceException)
        {
            return null;
        }

        // The driver would have the pages zeroed with its lock held, and copies meanwhile wait for that.
        pages.Touch();
        if (MemHostRegister(pages.Address, (nuint)bytes, Portable) == CudaResult.Success)
        {
            return new(context, pages.Address, pages);
        }

        pages.Dispose();
        return null;
    }

    static PinnedBlock AllocateByDriver(CudaContext context, long bytes, string purpose)
    {
        var result = MemHostAlloc(out var value, (nuint)bytes, Portable);
        if (result is CudaResult.OutOfMemory or CudaResult.InvalidValue)
        {
            throw DeviceException.HostMemoryTooSmall(bytes, purpose);
        }

        context.Check(result, "cuMemHostAlloc");
        return new(context, value);
    }

    protected override CudaResult Destroy(nint value)
    {
        if (pages is null)
        {
            return MemFreeHost(value);
        }

        var result = MemHostUnregister(value);
        pages.Dispose();
        return result;
    }

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemHostAlloc")]
    private static partial CudaResult MemHostAlloc(out nint address, nuint bytes, uint flags);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemHostRegister_v2")]
    private static partial CudaResult MemHostRegister(nint address, nuint bytes, uint flags);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemHostUnregister")]
    private static partial CudaResult MemHostUnregister(nint address);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemFreeHost")]
    private static partial CudaResult MemFreeHost(nint address);
}

/// <summary>Copies between host and card, in a stream's order. The context must be current.</summary>
internal static partial class Copies
{
    /// <param name="host">Page-locked: pageable memory would be copied before the call returns.</param>
    public static void Upload(CudaContext context, nint host, nint device, long bytes, CudaStream stream) =>
        context.Check(MemcpyHtoD(device, host, (nuint)bytes, stream.Value), "cuMemcpyHtoDAsync");

    public static void Download(CudaContext context, nint device, nint host, long bytes, CudaStream stream) =>
        context.Check(MemcpyDtoH(host, device, (nuint)bytes, stream.Value), "cuMemcpyDtoHAsync");

    public static void Clear(CudaContext context, nint device, long bytes, CudaStream stream) =>
        context.Check(MemsetD8(device, 0, (nuint)bytes, stream.Value), "cuMemsetD8Async");

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    private static partial CudaResult MemcpyHtoD(nint device, nint host, nuint bytes, nint stream);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    private static partial CudaResult MemcpyDtoH(nint host, nint device, nuint bytes, nint stream);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuMemsetD8Async")]
    private static partial CudaResult MemsetD8(nint device, byte value, nuint bytes, nint stream);
}
