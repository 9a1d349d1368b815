using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Tests.Cpu;
using NvStream.Tests.Formats;

namespace NvStream.Tests.Cuda;

/// <summary>The GPU under test, and how its results are compared with the CPU's.</summary>
static class Gpu
{
    /// <summary>Where this is set to 1, a machine without a usable GPU fails the tests instead of skipping them.</summary>
    const string Claim = "NVSTREAM_REQUIRE_CUDA";

    /// <summary>Opens the first GPU; skips the running test, saying why, where there is none.</summary>
    public static IComputeDevice Open()
    {
        try
        {
            return ComputeDevices.Open("Cuda");
        }
        catch (DeviceException e) when (e.ErrorId == "CudaUnavailable" && Environment.GetEnvironmentVariable(Claim) != "1")
        {
            Assert.Skip(e.Message);
            throw;
        }
    }

    public static void Require() => Open().Dispose();

    public static Rig OpenRig(int rows, int columns, int headDim = 128)
    {
        var rig = new Rig(Open());
        rig.Device.ReserveScratch(rows, columns, headDim);
        return rig;
    }

    public static Rig OpenCpuRig(int rows, int columns, int headDim = 128)
    {
        var rig = new Rig(new CpuDevice());
        rig.Device.ReserveScratch(rows, columns, headDim);
        return rig;
    }

    /// <summary>Values that no other test of the run sees, of a spread that makes some blocks of 32 much larger than others.</summary>
    public static float[] Activations(int count, int seed)
    {
        var random = new Random(seed);
        var values = new float[count];
        var size = 1f;
        for (var i = 0; i < count; i++)
        {
            if (i % 32 == 0)
            {
                size = MathF.Exp((float)(random.NextDouble() * 2 - 1));
            }

            values[i] = (float)(random.NextDouble() * 2 - 1) * size;
        }

        return values;
    }

    /// <summary>Random weights of a type, rows * columns of them, whose standard deviation suits rows of that length.</summary>
    public static byte[] Weights(TensorType type, long rows, int columns, int seed)
    {
        var bytes = new byte[rows * TensorTypes.BytesOf(type, columns)];
        var random = new SplitMix64((ulong)seed);
        SyntheticBlocks.Fill(type, bytes, 1 / MathF.Sqrt(columns), ref random);
        return bytes;
    }

    /// <summary>|seen - expected| / |expected| over all elements; NaN where anything is not a number.</summary>
    public static double RelativeError(ReadOnlySpan<float> expected, ReadOnlySpan<float> seen)
    {
        Assert.Equal(expected.Length, seen.Length);
        double difference = 0, norm = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            difference += ((double)seen[i] - expected[i]) * ((double)seen[i] - expected[i]);
            norm += (double)expected[i] * expected[i];
        }

        return Math.Sqrt(difference / Math.Max(norm, 1e-30));
    }

    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> seen, double tolerance)
    {
        var error = RelativeError(expected, seen);
        TestContext.Current.TestOutputHelper?.WriteLine($"relative L2 error {error:E2}");
        Assert.True(error <= tolerance, $"relative L2 error {error:E2}, at most {tolerance:E0} is allowed");
    }
}
