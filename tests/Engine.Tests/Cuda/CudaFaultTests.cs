using System.Diagnostics;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Tests.Cpu;

namespace NvStream.Tests.Cuda;

/// <summary>
/// A kernel that reads where nothing is ends the driver's context for the whole process, so the fault is raised in a
/// process of its own.
/// </summary>
[Collection(SerialCollection.Name)]
public sealed class CudaFaultTests
{
    const string Marker = "NVSTREAM_TEST_CUDA_FAULT";

    [Fact]
    public async Task A_lost_device_names_kernel_and_layer_and_leaves_the_CPU()
    {
        Gpu.Require();
        Assert.SkipWhen(Environment.GetEnvironmentVariable(Marker) is not null, "this is the process that faults");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("--filter-method");
        start.ArgumentList.Add($"{typeof(CudaFaultTests).FullName}.{nameof(In_a_process_of_its_own_the_fault_is_reported)}");
        start.Environment[Marker] = "1";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{await output}{await errors}");
    }

    [Fact]
    public void In_a_process_of_its_own_the_fault_is_reported()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Marker) is not null, "a fault would end the GPU for the other tests of this process");
        using var cpu = new Rig(new CpuDevice());
        using (var gpu = Gpu.OpenRig(4, 64))
        {
            var x = gpu.Matrix(Gpu.Activations(4 * 64, 1), 4);
            gpu.Device.EnterLayer("blk.7");
            gpu.Device.Add(x, x with { Address = unchecked((nint)0x7000_0000_0000) });
            var error = Assert.Throws<DeviceException>(() => gpu.Values(x));
            Assert.Equal("CudaError", error.ErrorId);
            Assert.Contains("blk.7", error.Message, StringComparison.Ordinal);
            Assert.Contains("add", error.Message, StringComparison.Ordinal);
            Assert.Equal("CudaError", Assert.Throws<DeviceException>(() => gpu.Device.Add(x, x)).ErrorId);
            Assert.Equal("CudaError", Assert.Throws<DeviceException>(() => gpu.Device.Allocate(4096, "test")).ErrorId);
        }

        var y = cpu.Matrix([1f, 2f], 1);
        cpu.Device.Add(y, y);
        Assert.Equal([2f, 4f], cpu.Values(y));
    }
}
