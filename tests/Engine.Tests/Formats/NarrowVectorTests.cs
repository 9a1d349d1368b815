using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using NvStream.Compute.Cpu.Formats;
using Xunit;

namespace NvStream.Tests.Formats;

/// <summary>Runs the format tests again in a process where the runtime may not use the machine's wider vectors.</summary>
public class NarrowVectorTests
{
    const string Marker = "NVSTREAM_TEST_NARROW_VECTORS";

    [Fact]
    public void The_narrow_process_uses_no_avx()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Marker) is not null, "this process may use what the machine has");
        Assert.False(Avx2.IsSupported);
        Assert.DoesNotContain("AVX", WeightFormat.InstructionSets);
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task The_format_tests_pass_without(string instructions)
    {
        Assert.SkipWhen(Environment.GetEnvironmentVariable(Marker) is not null, "this is the process with narrow vectors");
        var executable = Environment.ProcessPath!;
        Assert.SkipUnless(
            Path.GetFileName(executable).StartsWith("Engine.Tests", StringComparison.Ordinal),
            $"the tests run inside {executable}, not in their own program");

        var start = new ProcessStartInfo(executable) { RedirectStandardOutput = true, RedirectStandardError = true };
        Type[] classes = [typeof(MultiplyTests), typeof(DequantizeTests), typeof(ActivationsTests), typeof(NarrowVectorTests)];
        start.ArgumentList.Add("--filter-class");
        foreach (var tests in classes)
        {
            start.ArgumentList.Add(tests.FullName!);
        }


        start.Environment[Marker] = "1";
        start.Environment[instructions] = "0";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            process.Kill();
            throw;
        }

        Assert.True(process.ExitCode == 0, $"{await output}{await errors}");
    }
}
