using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cuda;
using NvStream.Compute.Cuda.Driver;

namespace NvStream.Tests.Cuda;

/// <summary>What can be said of the driver's side without a driver: layouts, looking for it, and how its absence is told.</summary>
public sealed class DriverTests
{
    [Fact]
    public void Structs_lie_in_memory_as_in_the_headers()
    {
        Assert.Equal(56, Unsafe.SizeOf<LaunchConfig>());
        Assert.Equal(24, Marshal.OffsetOf<LaunchConfig>(nameof(LaunchConfig.SharedBytes)));
        Assert.Equal(32, Marshal.OffsetOf<LaunchConfig>(nameof(LaunchConfig.Stream)));
        Assert.Equal(40, Marshal.OffsetOf<LaunchConfig>(nameof(LaunchConfig.Attributes)));
        Assert.Equal(48, Marshal.OffsetOf<LaunchConfig>(nameof(LaunchConfig.AttributeCount)));
        Assert.Equal(72, Unsafe.SizeOf<LaunchAttribute>());
        Assert.Equal(8, Marshal.OffsetOf<LaunchAttribute>(nameof(LaunchAttribute.Value)));
        Assert.Equal(24, Unsafe.SizeOf<Nvml.MemoryInfo>());
        Assert.Equal(8, Unsafe.SizeOf<RowState>());
        Assert.Equal(16, Unsafe.SizeOf<PrefillTile>());
        Assert.Equal(40, Unsafe.SizeOf<Encoded>());
        Assert.Equal(32, Unsafe.SizeOf<KvLayer>());
    }

    [Fact]
    public void Every_name_that_is_not_there_is_told_with_the_reason()
    {
        var search = LibrarySearch.Find(["/nowhere/libone.so.1", "libsurelynothere.so"]);
        Assert.False(search.IsFound);
        Assert.Equal(2, search.Tried.Count);
        Assert.StartsWith("/nowhere/libone.so.1 (", search.Tried[0], StringComparison.Ordinal);
        Assert.StartsWith("libsurelynothere.so (", search.Tried[1], StringComparison.Ordinal);
        var error = CudaDriver.Missing(search);
        Assert.Equal("CudaUnavailable", error.ErrorId);
        Assert.Contains("/nowhere/libone.so.1", error.Message, StringComparison.Ordinal);
        Assert.Contains("libsurelynothere.so", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_name_that_loads_is_taken()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the name is Linux's");
        var search = LibrarySearch.Find(["libsurelynothere.so", "libc.so.6", "libm.so.6"]);
        Assert.True(search.IsFound);
        Assert.Equal("libc.so.6", search.Name);
        Assert.Single(search.Tried);
        NativeLibrary.Free(search.Handle);
    }

    [Fact]
    public void Libraries_are_looked_for_under_the_names_that_drivers_install()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the names are Linux's");
        Assert.SkipWhen(Environment.GetEnvironmentVariable(NativeLibraries.CudaOverride) is not null, "another driver is named in the environment");
        Assert.Equal("libcuda.so.1", NativeLibraries.NamesOf(NativeLibraries.Cuda)[0]);
        Assert.Equal("libnvidia-ml.so.1", NativeLibraries.NamesOf(NativeLibraries.Nvml)[0]);
        Assert.Empty(NativeLibraries.NamesOf("libc"));
        Assert.SkipWhen(Environment.GetEnvironmentVariable(NativeLibraries.CuFileOverride) is not null, "another cuFile is named in the environment");
        Assert.Equal("libcufile.so.0", NativeLibraries.NamesOf(NativeLibraries.CuFile)[0]);
    }

    [Fact]
    public void Without_a_driver_the_CPU_is_listed_and_the_log_tells_what_was_tried()
    {
        SkipWhereThereIsADriver();
        var log = new List<string>();
        Assert.Equal(DeviceKind.Cpu, Assert.Single(ComputeDevices.List(log.Add)).Kind);
        Assert.All(
            NativeLibraries.NamesOf(NativeLibraries.Cuda),
            name => Assert.Contains(log, line => line.Contains(name, StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("Cuda")]
    [InlineData("cuda")]
    [InlineData("Cuda:0")]
    [InlineData("Cuda:99")]
    public void Without_a_driver_a_GPU_by_name_is_an_error_that_tells_what_was_tried(string name)
    {
        SkipWhereThereIsADriver();
        var error = Assert.Throws<DeviceException>(() => ComputeDevices.Open(name));
        Assert.Equal("CudaUnavailable", error.ErrorId);
        Assert.All(
            NativeLibraries.NamesOf(NativeLibraries.Cuda), path => Assert.Contains(path, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_driver_Auto_is_the_CPU_and_the_log_tells_why()
    {
        SkipWhereThereIsADriver();
        var log = new List<string>();
        using var device = ComputeDevices.Open("Auto", threads: 1, log.Add);
        Assert.Equal(DeviceKind.Cpu, device.Info.Kind);
        Assert.Contains(log, line => line.Contains("no CUDA driver could be loaded", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Gpu")]
    [InlineData("Cuda:")]
    [InlineData("Cuda:-1")]
    [InlineData("Cuda:x")]
    [InlineData("Cuda:0:1")]
    [InlineData("Cuda0")]
    public void A_name_that_is_none_is_an_error_of_its_own(string name) =>
        Assert.Equal("DeviceUnknown", Assert.Throws<DeviceException>(() => ComputeDevices.Open(name)).ErrorId);

    [Fact]
    public void Cuda_is_known_to_its_own_room_and_to_the_list_of_devices_alone()
    {
        var engine = Path.Combine(Fixtures.Repository, "Engine");
        var room = Path.Combine(engine, "Compute", "Cuda") + Path.DirectorySeparatorChar;
        var users = Directory.EnumerateFiles(engine, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.StartsWith(room, StringComparison.Ordinal))
            .Where(f => File.ReadAllText(f).Contains("Compute.Cuda", StringComparison.Ordinal))
            .Select(f => Path.GetRelativePath(engine, f).Replace('\\', '/'))
            .Where(f => !f.StartsWith("obj/", StringComparison.Ordinal));
        Assert.Equal(["Compute/ComputeDevices.cs"], users);
    }

    [Fact]
    public void Errors_say_whose_they_are_and_what_to_do()
    {
        var error = DeviceException.CudaError("cuStreamSynchronize", "CUDA_ERROR_ILLEGAL_ADDRESS (…)", "in or before kernel 'rope' of layer 'blk.3'", isLost: true);
        Assert.Equal("CudaError", error.ErrorId);
        Assert.Contains("kernel 'rope' of layer 'blk.3'", error.Message, StringComparison.Ordinal);
        Assert.Contains("NVSTREAM_CUDA_SYNC", error.Remedy, StringComparison.Ordinal);
        var later = DeviceException.CudaLost(error);
        Assert.Equal(("CudaError", error.Remedy), (later.ErrorId, later.Remedy));
        Assert.Contains(error.Message, later.Message, StringComparison.Ordinal);
        Assert.Contains("123 bytes are free", DeviceException.OutOfMemory("GPU", 456, "slot 0", 123).Message, StringComparison.Ordinal);
        Assert.Equal("HostMemoryTooSmall", DeviceException.HostMemoryTooSmall(1, "staging").ErrorId);
        Assert.Equal("CubinMissing", DeviceException.CubinMissing("GPU", "none").ErrorId);
    }

    static void SkipWhereThereIsADriver() =>
        Assert.SkipWhen(NativeLibraries.Load(NativeLibraries.Cuda).IsFound, "this machine has a CUDA driver");
}
