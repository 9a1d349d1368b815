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
        Assert.Equal(Environment.ProcessorCount, info.Cores);
        Assert.Equal(Environment.ProcessorCount, device.Threads);
        Assert.InRange(info.Memory, 64L << 20, 1L << 50);
        Assert.InRange(info.FreeMemory, 1, info.Memory);
        Assert.True(info.VectorWidth is 128 or 256 or 512);
        Assert.False(string.IsNullOrEmpty(info.InstructionSets));
    }

    [Fact]
    public void TheTightestGroupUpToTheRootLimitsTheMemory()
    {
        var root = Directory.CreateTempSubdirectory("cgroup").FullName;
        try
        {
            var inner = Directory.CreateDirectory(Path.Combine(root, "slice", "job")).FullName;
            File.WriteAllText(Path.Combine(inner, "max"), "max\n");
            File.WriteAllText(Path.Combine(inner, "current"), "500\n");
            Assert.Equal(long.MaxValue, Headroom());

            File.WriteAllText(Path.Combine(root, "slice", "max"), "10000\n");
            File.WriteAllText(Path.Combine(root, "slice", "current"), "4000\n");
            Assert.Equal(6000, Headroom());

            File.WriteAllText(Path.Combine(root, "slice", "memory.stat"), "anon 100\ninactive_file 1500\n");
            Assert.Equal(7500, Headroom());

            File.WriteAllText(Path.Combine(inner, "max"), "600\n");
            Assert.Equal(100, Headroom());

            File.WriteAllText(Path.Combine(inner, "current"), "700\n");
            Assert.Equal(0, Headroom());

            long Headroom() => CpuInfo.Headroom(root, "/slice/job", "max", "current", "inactive_file");
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
