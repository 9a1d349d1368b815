using System.Runtime.InteropServices;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Host memory of the CPU device: private anonymous pages, zeroed by the system when first touched, so that a large
/// reservation costs nothing until it is used.
/// </summary>
internal sealed unsafe partial class CpuMemory : DeviceMemory
{
    const int Page = 4096;
    const int HugePage = 2 << 20;

    static long liveBytes;

    CpuMemory(nint address, long length)
        : base(address, length) => Interlocked.Add(ref liveBytes, length);

    /// <summary>Bytes of all blocks that are allocated and not freed, as asked for.</summary>
    public static long LiveBytes => Interlocked.Read(ref liveBytes);

    /// <param name="bytes">At least 0; an empty block still has an address.</param>
    /// <param name="device">Name for the error message.</param>
    /// <exception cref="DeviceException">The system refused (DeviceBudgetTooSmall).</exception>
    public static CpuMemory Allocate(long bytes, string device, string purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var address = bytes > long.MaxValue - (2 * HugePage) ? 0 : Reserve(Padded(bytes));
        return address != 0
            ? new CpuMemory(address, bytes)
            : throw DeviceException.OutOfMemory(device, bytes, purpose);
    }

    /// <summary>Has the system hand out every page now, and not when it is first used.</summary>
    public void Touch()
    {
        for (long at = 0; at < Length; at += Page)
        {
            *(byte*)(Address + (nint)at) = 0;
        }
    }

    protected override void Free()
    {
        Release(Address, Padded(Length));
        Interlocked.Add(ref liveBytes, -Length);
    }

    static long Padded(long bytes) => (Math.Max(bytes, 1) + Page - 1) & -Page;

    static nint Reserve(long bytes)
    {
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            return bytes >= HugePage && OperatingSystem.IsLinux() ? MapHuge(bytes) : Map(bytes);
        }

        if (OperatingSystem.IsWindows())
        {
            return VirtualAlloc(0, (nuint)bytes, MemCommit | MemReserve, PageReadWrite);
        }

        try
        {
            var block = NativeMemory.AlignedAlloc((nuint)bytes, Page);
            NativeMemory.Clear(block, (nuint)bytes);
            return (nint)block;
        }
        catch (OutOfMemoryException)
        {
            return 0;
        }
    }

    static void Release(nint address, long bytes)
    {
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            _ = Unmap(address, (nuint)bytes);
        }
        else if (OperatingSystem.IsWindows())
        {
            _ = VirtualFree(address, 0, MemRelease);
        }
        else
        {
            NativeMemory.AlignedFree((void*)address);
        }
    }

    static nint Map(long bytes)
    {
        var anonymous = OperatingSystem.IsMacOS() ? 0x1000 : 0x20;
        var address = MemoryMap(0, (nuint)bytes, ProtRead | ProtWrite, MapPrivate | anonymous, -1, 0);
        return address == -1 ? 0 : address;
    }

    /// <summary>Weights are streamed through from end to end: 2 MiB pages keep the address translation off that path.</summary>
    static nint MapHuge(long bytes)
    {
        // Older kernels do not align large mappings, and huge pages only form on whole aligned 2 MiB.
        var raw = Map(bytes + HugePage);
        if (raw == 0)
        {
            return 0;
        }

        var address = (raw + HugePage - 1) & -(nint)HugePage;
        var before = address - raw;
        if (before > 0)
        {
            _ = Unmap(raw, (nuint)before);
        }

        if (HugePage - before > 0)
        {
            _ = Unmap(address + (nint)bytes, (nuint)(HugePage - before));
        }

        // Advice only: a kernel without huge pages refuses, and nothing is lost.
        _ = Advise(address, (nuint)bytes, AdviceHugePage);
        return address;
    }

    const int ProtRead = 1;
    const int ProtWrite = 2;
    const int MapPrivate = 2;
    const int AdviceHugePage = 14;
    const uint MemCommit = 0x1000;
    const uint MemReserve = 0x2000;
    const uint MemRelease = 0x8000;
    const uint PageReadWrite = 4;

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint MemoryMap(nint hint, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);

    [LibraryImport("kernel32")]
    private static partial nint VirtualAlloc(nint hint, nuint length, uint kind, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(nint address, nuint length, uint kind);
}
