using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu;

/// <summary>What the processor is and how much memory the process may use, containers' limits counted in.</summary>
internal static class CpuInfo
{
    /// <summary>Bits of the widest vector that the processor has.</summary>
    public static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512
        : Avx2.IsSupported ? 256
        : 128;

    /// <summary>The processor's own name where the system tells it, else its architecture.</summary>
    public static string Name { get; } = ReadName();

    /// <summary>Bytes of memory that the process may use at most.</summary>
    public static long Memory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes that can be had now without swapping: what the machine has available, or less if a cgroup limits it.</summary>
    public static long FreeMemory
    {
        get
        {
            var gc = GC.GetGCMemoryInfo();
            var machine = SmallFiles.NumberField("/proc/meminfo", "MemAvailable:") is { } kib
                ? kib * 1024
                : gc.TotalAvailableMemoryBytes - gc.MemoryLoadBytes;
            return Math.Clamp(Math.Min(machine, Headroom("")), 0, gc.TotalAvailableMemoryBytes);
        }
    }

    public static string InstructionSets
    {
        get
        {
            (string Name, bool Present)[] all =
            [
                ("SSE4.2", Sse42.IsSupported && !Avx2.IsSupported), ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported),
                ("AVX-VNNI", AvxVnni.IsSupported), ("AVX-512", Avx512BW.IsSupported), ("AVX10.1", Avx10v1.IsSupported),
                ("NEON", AdvSimd.IsSupported), ("DotProd", Dp.IsSupported),
            ];
            return string.Join(", ", from set in all where set.Present select set.Name);
        }
    }

    static string ReadName()
    {
        const string linux = "/proc/cpuinfo";
        if (File.Exists(linux))
        {
            // Hundreds of kilobytes on a large machine, of which the first lines do.
            foreach (var line in File.ReadLines(linux))
            {
                if (line.StartsWith("model name", StringComparison.Ordinal) && line.IndexOf(':') is > 0 and var colon)
                {
                    return line[(colon + 1)..].Trim();
                }
            }
        }

        return X86Base.IsSupported ? BrandString() : $"{RuntimeInformation.ProcessArchitecture} CPU";
    }

    /// <summary>The brand string of CPUID leaves 0x80000002 to 0x80000004.</summary>
    static string BrandString()
    {
        const int firstLeaf = unchecked((int)0x80000002);
        if ((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < 0x80000004)
        {
            return $"{RuntimeInformation.ProcessArchitecture} CPU";
        }

        Span<int> registers = stackalloc int[12];
        for (var i = 0; i < 3; i++)
        {
            (registers[4 * i], registers[(4 * i) + 1], registers[(4 * i) + 2], registers[(4 * i) + 3]) = X86Base.CpuId(firstLeaf + i, 0);
        }

        return System.Text.Encoding.ASCII.GetString(MemoryMarshal.AsBytes(registers)).Trim('\0', ' ');
    }

    /// <summary>
    /// Bytes the tightest control group around the process leaves; page cache it could drop counts as free.
    /// </summary>
    /// <param name="root">Folder of a recorded tree of /proc and /sys; empty for this machine.</param>
    internal static long Headroom(string root)
    {
        var least = long.MaxValue;
        foreach (var group in ControlGroups.Around("memory", root))
        {
            var (limit, usage, cache) = group.IsUnified
                ? ("memory.max", "memory.current", "inactive_file")
                : ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
            if (SmallFiles.Number(group.File(limit)) is { } most && SmallFiles.Number(group.File(usage)) is { } used)
            {
                var droppable = SmallFiles.NumberField(group.File("memory.stat"), cache) ?? 0;
                least = Math.Min(least, Math.Max(0, most - Math.Max(0, used - droppable)));
            }
        }

        return least;
    }
}
