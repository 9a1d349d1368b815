using System.Diagnostics;
using System.Runtime.InteropServices;
using NvStream.Compute.Cpu;
using Xunit;

namespace NvStream.Tests.Cpu;

public sealed partial class CpuCoresTests
{
    /// <summary>What a process that this test starts shall find.</summary>
    const string Expected = "NVSTREAM_TEST_EXPECTED_THREADS";

    /// <summary>More than any recorded machine has: the runtime's own count plays no part.</summary>
    const int Many = 1000;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("0-7", 4, 8)] // four cores of two hardware threads, 0 and 4 the first
    [InlineData("0-3", 4, 4)]
    [InlineData("0,4", 1, 2)]
    [InlineData("1,4-5,7", 3, 4)]
    [InlineData("6", 1, 1)]
    public void HardwareThreadsOfOneCoreCountOnce(string allowed, int cores, int processors)
    {
        using var tree = new RecordedTree(Status(allowed));
        for (var cpu = 0; cpu < 8; cpu++)
        {
            tree.Write($"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", $"{cpu % 4},{(cpu % 4) + 4}\n");
        }

        Assert.Equal(cores, CpuCores.Count(tree.Root, processors));
        Assert.Equal(processors, CpuCores.Processors(tree.Root, Many));
    }

    [Fact]
    public void WhereNothingTellsOfSharedCoresEveryProcessorIsOne()
    {
        using var tree = new RecordedTree(Status("0-1"));
        Assert.Equal(2, CpuCores.Count(tree.Root, Many));
        tree.Write("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n");
        tree.Write("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1\n");
        Assert.Equal(2, CpuCores.Count(tree.Root, Many));
    }

    [Fact]
    public void ProcessorsThatCouldBePluggedInAreNotCounted()
    {
        using var tree = new RecordedTree(
            ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n"),
            ("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n"),
            ("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3\n"),
            ("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "2-3\n"),
            Status("0-127"));
        Assert.Equal(2, CpuCores.Count(tree.Root, 4));
        Assert.Equal(4, CpuCores.Processors(tree.Root, 4));
    }

    [Fact]
    public void AContainerThatIsShownOtherProcessorsThanItMayUseHasItsOwnNumber()
    {
        using var tree = new RecordedTree(
            ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n"),
            ("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n"),
            Status("1,6,9"));
        Assert.Equal(3, CpuCores.Count(tree.Root, 3));
    }

    [Theory]
    [InlineData("max 100000", 16, 16)]
    [InlineData("400000 100000", 4, 4)]
    [InlineData("250000 100000", 3, 3)]
    [InlineData("150000 100000", 2, 2)]
    [InlineData("140000 100000", 1, 2)]
    [InlineData("60000 50000", 1, 2)]
    [InlineData("30000 100000", 1, 1)]
    [InlineData("6400000 100000", 16, 16)]
    public void AQuotaIsRoundedToWholeCores(string max, int cores, int processors)
    {
        using var tree = new RecordedTree(("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/cpu.max", max + "\n"), Status("0-15"));
        Assert.Equal(cores, CpuCores.Count(tree.Root, Many));
        Assert.Equal(processors, CpuCores.Processors(tree.Root, Many));
    }

    [Fact]
    public void TheSmallestQuotaUpToTheRootHolds()
    {
        // A pod of Kubernetes: the container may use four cores, all of the pod three.
        const string slice = "/kubepods.slice/kubepods-burstable.slice";
        const string pod = slice + "/kubepods-burstable-pod9f1b.slice";
        using var tree = new RecordedTree(
            ("/proc/self/cgroup", $"0::{pod}/cri-containerd-77ab.scope\n"),
            ($"/sys/fs/cgroup{pod}/cri-containerd-77ab.scope/cpu.max", "400000 100000\n"),
            ($"/sys/fs/cgroup{pod}/cpu.max", "300000 100000\n"),
            ($"/sys/fs/cgroup{slice}/cpu.max", "max 100000\n"),
            Status("0-63"));
        Assert.Equal(3, CpuCores.Quota(tree.Root));
        Assert.Equal(3, CpuCores.Count(tree.Root, Many));

        tree.Write($"/sys/fs/cgroup{slice}/cpu.max", "100000 50000\n");
        Assert.Equal(2, CpuCores.Count(tree.Root, Many));
    }

    [Fact]
    public void VersionOneOfControlGroupsIsUnderstood()
    {
        // Docker shows the container's group as the root, and the host's path to it.
        using var tree = new RecordedTree(
            ("/proc/self/cgroup", "12:memory:/docker/4c1f\n4:cpu,cpuacct:/docker/4c1f\n1:name=systemd:/docker/4c1f\n0::/system.slice\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            Status("0-31"));
        Assert.Equal(2, CpuCores.Count(tree.Root, Many));

        tree.Write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        Assert.Equal(32, CpuCores.Count(tree.Root, Many));

        // Where the host's tree is seen, the group is found in it.
        tree.Write("/sys/fs/cgroup/cpu/docker/4c1f/cpu.cfs_quota_us", "500000\n");
        tree.Write("/sys/fs/cgroup/cpu/docker/4c1f/cpu.cfs_period_us", "100000\n");
        Assert.Equal(5, CpuCores.Count(tree.Root, Many));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("max")]
    [InlineData("-5 100000")]
    [InlineData("100000 0")]
    [InlineData("99999999999999999999 100000")]
    [InlineData("1e5 100000 7")]
    public void AQuotaThatIsNotUnderstoodLimitsNothing(string max)
    {
        using var tree = new RecordedTree(
            ("/proc/self/cgroup", "\n::\n0::/../..\nnonsense\n0::/\n"), ("/sys/fs/cgroup/cpu.max", max), Status("0-3"));
        Assert.Equal(double.PositiveInfinity, CpuCores.Quota(tree.Root));
        Assert.Equal(4, CpuCores.Count(tree.Root, Many));
    }

    [Fact]
    public void WithoutProcTheRuntimesCountHolds()
    {
        using var tree = new RecordedTree();
        Assert.Equal(6, CpuCores.Count(tree.Root, 6));
        Assert.Equal(6, CpuCores.Processors(tree.Root, 6));
    }

    [Fact]
    public void TheRuntimesCountIsTheMost()
    {
        // DOTNET_PROCESSOR_COUNT
        using var tree = new RecordedTree(Status("0-15"));
        Assert.Equal(3, CpuCores.Count(tree.Root, 3));
        Assert.Equal(3, CpuCores.Processors(tree.Root, 3));
    }

    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-3,8,10-11", new[] { 0, 1, 2, 3, 8, 10, 11 })]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData("3-1", null)]
    [InlineData("4,2", null)]
    [InlineData("0-2,2", null)]
    [InlineData("-1", null)]
    [InlineData("0-", null)]
    [InlineData("0,,1", null)]
    [InlineData("0-4000000000", null)]
    [InlineData("all", null)]
    public void ListsOfProcessorsAreRead(string? text, int[]? expected) => Assert.Equal(expected, CpuCores.ParseList(text)?.ToArray());

    [Fact]
    public void ThisMachinesCountIsPlausible()
    {
        Assert.InRange(CpuCores.Processors(), 1, Environment.ProcessorCount);
        Assert.InRange(CpuCores.Count(), 1, CpuCores.Processors());
    }

    [Fact]
    public void AThreadBoundToOneProcessorMakesADeviceOfOneThread()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.Is64BitProcess, "affinity is set by Linux's sched_setaffinity");
        var found = (Threads: 0, Cores: 0);
        string? problem = null;
        var bound = new Thread(() =>
        {
            try
            {
                BindToFirst();
                using var device = new CpuDevice();
                found = (device.Threads, device.Info.Cores ?? 0);
            }
            catch (InvalidOperationException e)
            {
                problem = e.Message;
            }
        });
        bound.Start();
        bound.Join();
        Assert.Null(problem);
        Assert.Equal((1, 1), found);
    }

    [Fact]
    public void TheDeviceHasAThreadForEachCore()
    {
        using var device = new CpuDevice();
        var expected = Environment.GetEnvironmentVariable(Expected) is { } text ? int.Parse(text, null) : CpuCores.Count();
        Assert.Equal(expected, device.Threads);
    }

    [Fact]
    public async Task UnderTasksetToOneProcessorTheDeviceHasOneThread()
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable(Expected) is not null, "this is the process under taskset");
        Assert.SkipUnless(File.Exists("/usr/bin/taskset"), "taskset is not there");
        var executable = Environment.ProcessPath!;
        Assert.SkipUnless(
            Path.GetFileName(executable).StartsWith("Engine.Tests", StringComparison.Ordinal),
            $"the tests run inside {executable}, not in their own program");

        var first = CpuCores.ParseList(SmallFiles.Field("/proc/thread-self/status", "Cpus_allowed_list:"))![0];
        var start = new ProcessStartInfo("/usr/bin/taskset", ["-c", $"{first}", executable, "--filter-method", $"*.{nameof(TheDeviceHasAThreadForEachCore)}"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[Expected] = "1";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Token);
        try
        {
            await process.WaitForExitAsync(Token);
        }
        catch
        {
            process.Kill();
            throw;
        }

        Assert.True(process.ExitCode == 0, await output);
    }

    static (string Path, string Text) Status(string allowed) =>
        ("/proc/thread-self/status", $"Name:\tpwsh\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\nMems_allowed_list:\t0\n");

    /// <summary>Binds the calling thread to the first processor that it may use.</summary>
    static unsafe void BindToFirst()
    {
        const int bytes = 1024;
        var mask = stackalloc byte[bytes];
        var length = GetAffinity(0, bytes, mask);
        for (var i = 0; i < length; i++)
        {
            if (mask[i] != 0)
            {
                var first = (byte)(mask[i] & -mask[i]);
                new Span<byte>(mask, bytes).Clear();
                mask[i] = first;
                if (SetAffinity(0, bytes, mask) == 0)
                {
                    return;
                }

                break;
            }
        }

        throw new InvalidOperationException("the affinity of a thread could not be set");
    }

    /// <summary>glibc returns 0 where the kernel tells the bytes that it wrote; all of the mask is looked at then.</summary>
    static unsafe int GetAffinity(int thread, nuint bytes, byte* mask) => ReadAffinity(thread, bytes, mask) == 0 ? (int)bytes : 0;

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static unsafe partial int ReadAffinity(int thread, nuint bytes, byte* mask);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static unsafe partial int SetAffinity(int thread, nuint bytes, byte* mask);
}
