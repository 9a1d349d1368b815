using System.Globalization;

namespace NvStream.Compute.Cpu;

/// <summary>How many cores this process may use: affinity, cpusets, control groups' quotas and hardware threads counted in.</summary>
internal static class CpuCores
{
    /// <summary>Far above any machine's: a list that names more is not understood.</summary>
    const int MostProcessors = 1 << 16;

    /// <summary>
    /// Threads that compute best, at least 1: one a core. The hardware threads of a core share its vector units and its
    /// cache, which the kernels alone fill; the sibling is left to what reads and copies. Where the system does not tell
    /// which hardware threads are one core (Windows, many virtual machines), each counts.
    /// </summary>
    public static int Count() => Count("", Environment.ProcessorCount);

    /// <summary>Threads of this process that can run at once, at least 1.</summary>
    public static int Processors() => Processors("", Environment.ProcessorCount);

    /// <param name="root">Folder of a recorded tree of /proc and /sys; empty for this machine.</param>
    /// <param name="processors">What the runtime counts; it knows DOTNET_PROCESSOR_COUNT, and systems without /proc.</param>
    internal static int Count(string root, int processors)
    {
        var cores = Allowed(root) is { } allowed ? Cores(root, allowed, Math.Min(allowed.Count, processors)) : processors;

        // A share of a core above the half is worth a thread, though all are stopped when the quota is spent; below, the
        // others wait longer for it than it helps. (A 1.1B model on two cores, one thread against two: 20 and 23 tokens/s
        // under a quota of 1.5, 19 and 16 under one of 1.1.)
        return (int)Math.Clamp(Math.Round(Quota(root), MidpointRounding.AwayFromZero), 1, Math.Max(1, cores));
    }

    /// <summary>As <see cref="Processors()"/>, in a recorded tree; a started share of a core can run.</summary>
    internal static int Processors(string root, int processors)
    {
        var allowed = Allowed(root) is { } list ? Math.Min(list.Count, processors) : processors;
        return (int)Math.Clamp(Math.Ceiling(Quota(root)), 1, Math.Max(1, allowed));
    }

    /// <summary>Cores' worth of time that the tightest group around the process leaves; infinite where none limits it.</summary>
    internal static double Quota(string root)
    {
        var least = double.PositiveInfinity;
        foreach (var group in ControlGroups.Around("cpu", root))
        {
            long? quota, period;
            if (group.IsUnified)
            {
                // "max 100000" or "150000 100000": microseconds of time, and of the period that they are for.
                var words = (SmallFiles.Line(group.File("cpu.max")) ?? "").Split(' ');
                (quota, period) = words.Length == 2 ? (SmallFiles.ParseNumber(words[0]), SmallFiles.ParseNumber(words[1])) : (null, null);
            }
            else
            {
                // No quota is -1.
                (quota, period) = (SmallFiles.Number(group.File("cpu.cfs_quota_us")), SmallFiles.Number(group.File("cpu.cfs_period_us")));
            }

            if (quota > 0 && period > 0)
            {
                least = Math.Min(least, (double)quota / period.Value);
            }
        }

        return least;
    }

    /// <summary>
    /// Numbers of the hardware threads that the calling thread, and so those that it starts, may run on: affinity and
    /// cpusets in one list (proc_pid_status(5)), which may name some that the machine could have but has not. Null where
    /// the system does not tell.
    /// </summary>
    static List<int>? Allowed(string root) => ParseList(SmallFiles.Field(root + "/proc/thread-self/status", "Cpus_allowed_list:"));

    /// <summary>Cores that hardware threads belong to, of which <paramref name="runnable"/> can run.</summary>
    static int Cores(string root, List<int> allowed, int runnable)
    {
        var described = 0;
        var cores = new HashSet<string>(StringComparer.Ordinal);
        foreach (var processor in allowed)
        {
            var number = processor.ToString(CultureInfo.InvariantCulture);
            if (SmallFiles.Line($"{root}/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list") is { } siblings)
            {
                described++;
                cores.Add(siblings);
            }
        }

        // A processor that is not plugged in is not described. Where fewer are described than can run, a container shows
        // another machine's.
        return described >= runnable ? Math.Min(cores.Count, runnable) : runnable;
    }

    /// <summary>Numbers and ranges in rising order, "0-3,8,10-11"; null where the text is nothing of that kind.</summary>
    internal static List<int>? ParseList(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var numbers = new List<int>();
        foreach (var part in text.Split(','))
        {
            var dash = part.IndexOf('-');
            var first = SmallFiles.ParseNumber(dash < 0 ? part : part.AsSpan(0, dash));
            var last = dash < 0 ? first : SmallFiles.ParseNumber(part.AsSpan(dash + 1));
            if (first is not >= 0 || last is not < MostProcessors || last < first || (numbers is [.., var before] && first <= before))
            {
                return null;
            }

            for (var i = (int)first; i <= last; i++)
            {
                numbers.Add(i);
            }
        }

        return numbers;
    }
}
