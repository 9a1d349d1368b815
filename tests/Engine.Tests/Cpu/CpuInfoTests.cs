using NvStream.Compute;
using NvStream.Compute.Cpu;
using Xunit;

namespace NvStream.Tests.Cpu;

public sealed class CpuInfoTests
{
    [Fact]
    public void InfoTellsAPlausibleProcessor()
    {
        using var device = new CpuDevice();
        var info = device.Info;
        Assert.Equal(DeviceKind.Cpu, info.Kind);
        Assert.False(string.IsNullOrWhiteSpace(info.Name));
        Assert.Equal(CpuCores.Count(), info.Cores);
        Assert.Equal(CpuCores.Count(), device.Threads);
        Assert.InRange(info.Memory, 64L << 20, 1L << 50);
        Assert.InRange(info.FreeMemory, 1, info.Memory);
        Assert.True(info.VectorWidth is 128 or 256 or 512);
        Assert.False(string.IsNullOrEmpty(info.InstructionSets));
    }

    [Theory]
    [InlineData("0::/slice/job", "", "memory.max", "memory.current", "inactive_file")]
    [InlineData("9:memory:/slice/job", "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")]
    public void TheTightestGroupUpToTheRootLimitsTheMemory(string membership, string mount, string limit, string usage, string droppable)
    {
        using var tree = new RecordedTree();
        Assert.Equal(long.MaxValue, CpuInfo.Headroom(tree.Root));

        tree.Write("/proc/self/cgroup", $"3:pids:/other\n{membership}\n");
        var (outer, inner) = ($"/sys/fs/cgroup{mount}/slice/", $"/sys/fs/cgroup{mount}/slice/job/");
        tree.Write(inner + limit, "max\n");
        tree.Write(inner + usage, "500\n");
        Assert.Equal(long.MaxValue, CpuInfo.Headroom(tree.Root));

        tree.Write(outer + limit, "10000\n");
        tree.Write(outer + usage, "4000\n");
        Assert.Equal(6000, CpuInfo.Headroom(tree.Root));

        tree.Write(outer + "memory.stat", $"anon 100\n{droppable}_else 7\n{droppable} 1500\n");
        Assert.Equal(7500, CpuInfo.Headroom(tree.Root));

        tree.Write(inner + limit, "600\n");
        Assert.Equal(100, CpuInfo.Headroom(tree.Root));

        tree.Write(inner + usage, "700\n");
        Assert.Equal(0, CpuInfo.Headroom(tree.Root));
    }
}
