using System.Globalization;
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
            var machine = ReadField("/proc/meminfo", "MemAvailable:") is { } kib
                ? kib * 1024
                : gc.TotalAvailableMemoryBytes - gc.MemoryLoadBytes;
            return Math.Clamp(Math.Min(machine, CgroupHeadroom()), 0, gc.TotalAvailableMemoryBytes);
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

    /// <summary>Bytes the tightest cgroup (version 2 or 1) around the process leaves; page cache it could drop counts as free.</summary>
    static long CgroupHeadroom()
    {
        const string membership = "/proc/self/cgroup";
        if (!File.Exists(membership))
        {
            return long.MaxValue;
        }

        var headroom = long.MaxValue;
        foreach (var line in File.ReadLines(membership))
        {
            var parts = line.Split(':', 3);
            if (parts.Length < 3)
            {
                continue;
            }

            if (parts[0] == "0")
            {
                headroom = Math.Min(headroom, Headroom("/sys/fs/cgroup", parts[2], "memory.max", "memory.current", "inactive_file"));
            }
            else if (parts[1].Split(',').Contains("memory"))
            {
                headroom = Math.Min(headroom, Headroom(
                    "/sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"));
            }
        }

        return headroom;
    }

    /// <summary>Every group up to the root limits the process: the least headroom of them all.</summary>
    internal static long Headroom(string root, string group, string limitFile, string usageFile, string droppable)
    {
        var least = long.MaxValue;
        for (var path = group.Trim('/'); ; path = path.Contains('/') ? path[..path.LastIndexOf('/')] : "")
        {
            var folder = Path.Combine(root, path);
            if (ReadNumber(Path.Combine(folder, limitFile)) is { } limit && ReadNumber(Path.Combine(folder, usageFile)) is { } used)
            {
                var cache = ReadField(Path.Combine(folder, "memory.stat"), droppable) ?? 0;
                least = Math.Min(least, Math.Max(0, limit - Math.Max(0, used - cache)));
            }

            if (path.Length == 0)
            {
                return least;
            }
        }
    }

    /// <summary>The number a file holds; null where there is no such file or it says "max".</summary>
    static long? ReadNumber(string path)
    {
        try
        {
            return long.TryParse(File.ReadAllText(path).AsSpan().Trim(), CultureInfo.InvariantCulture, out var value) ? value : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The number after a name at the start of a line.</summary>
    static long? ReadField(string path, string name)
    {
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (words.Length >= 2 && words[0] == name && long.TryParse(words[1], CultureInfo.InvariantCulture, out var value))
                {
                    return value;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // No such file on this system: the caller has another source.
        }

        return null;
    }
}
