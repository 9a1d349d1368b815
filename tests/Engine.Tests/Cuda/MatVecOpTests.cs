using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cuda;
using NvStream.Gguf;

namespace NvStream.Tests.Cuda;

/// <summary>What products of decoded rows put on the stream: the kernels themselves need a GPU.</summary>
public sealed class MatVecOpTests
{
    /// <summary>What a block may have on consumer GPUs (sm_86, sm_89, sm_120).</summary>
    const int MaxSharedBytes = 99 * 1024;

    static readonly Encoded AllEncodings = new(0x1000, 0x2000, 0x3000, 0x4000, 64);

    readonly Recorder _recorder = new();

    [Fact]
    public void ProjectionsOfATypeShareALaunchInThrees()
    {
        var op = new MatVecOp(_recorder);
        op.Run(new Matrix(0x100, 1, 512), AllEncodings, 1, [
            Product(TensorType.Q4_K, 64, 512), Product(TensorType.Q6_K, 32, 512), Product(TensorType.Q4_K, 16, 512),
            Product(TensorType.Q4_K, 8, 512), Product(TensorType.Q4_K, 4, 512)]);
        Assert.Equal(
            ["matvec_dot_q4_k_1:64,16,8", "matvec_dot_q6_k_1:32,0,0", "matvec_dot_q4_k_1:4,0,0"],
            _recorder.Launches.Select(l => $"{l.Kernel}:{string.Join(',', l.Rows)}"));
    }

    [Theory]
    [InlineData(1, "matvec_dot_q8_0_1")]
    [InlineData(2, "matvec_dot_q8_0_2")]
    [InlineData(3, "matvec_dot_q8_0_4")]
    [InlineData(4, "matvec_dot_q8_0_4")]
    [InlineData(5, "matvec_tile_q8_0_8")]
    [InlineData(9, "matvec_tile_q8_0_16")]
    [InlineData(17, "matvec_tile_q8_0_32")]
    [InlineData(70, "matvec_tile_q8_0_32")]
    public void RowsChooseTheKernel(int rows, string kernel)
    {
        new MatVecOp(_recorder).Run(new Matrix(0x100, rows, 64), AllEncodings, rows, [Product(TensorType.Q8_0, 96, 64)]);
        Assert.Equal(kernel, Assert.Single(_recorder.Launches).Kernel);
    }

    [Fact]
    public void EveryTypeLaunchesWithinASmallCardsSharedMemory()
    {
        var op = new MatVecOp(_recorder);
        foreach (var type in Enum.GetValues<TensorType>().Where(MatVecOp.Supports))
        {
            foreach (var rows in new[] { 1, 2, 4, 8, 16, 32, 64 })
            {
                _recorder.Launches.Clear();
                op.Run(new Matrix(0x100, rows, 512), AllEncodings, rows, [Product(type, 40_000, 512)]);
                var launch = Assert.Single(_recorder.Launches);
                Assert.InRange(launch.SharedBytes, 0, MaxSharedBytes);
                Assert.InRange(launch.Threads, 32, 1024);
                Assert.InRange(launch.Blocks, 1, int.MaxValue);
            }
        }
    }

    [Theory]
    [InlineData(TensorType.Q4_K, 512)]
    [InlineData(TensorType.F16, 512)]
    public void AMissingEncodingIsRefused(TensorType type, int columns)
    {
        var op = new MatVecOp(_recorder);
        Assert.Throws<InvalidOperationException>(
            () => op.Run(new Matrix(0x100, 1, columns), default, 1, [Product(type, 8, columns)]));
        Assert.Empty(_recorder.Launches);
    }

    [Theory]
    [InlineData(TensorType.F16, 500, "matvec_float_f16_1")]
    [InlineData(TensorType.BF16, 512, "matvec_float_bf16_1")]
    [InlineData(TensorType.F32, 512, "matvec_float_f32_1")]
    public void FloatWeightsTakeXAsItIs(TensorType type, int columns, string kernel)
    {
        new MatVecOp(_recorder).Run(new Matrix(0x100, 1, columns), default, 1, [Product(type, 8, columns)]);
        Assert.Equal(kernel, Assert.Single(_recorder.Launches).Kernel);
    }

    [Fact]
    public void LaunchesAllocateNothing()
    {
        var op = new MatVecOp(_recorder);
        Projection[] products = [Product(TensorType.Q4_K, 64, 512), Product(TensorType.Q6_K, 64, 512)];
        _recorder.IsRecording = false;
        op.Run(new Matrix(0x100, 1, 512), AllEncodings, 1, products);
        var before = GC.GetAllocatedBytesForCurrentThread();
        op.Run(new Matrix(0x100, 1, 512), AllEncodings, 1, products);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    static Projection Product(TensorType type, int rows, int columns) =>
        new(new Weight(0x10000, type, rows, columns), new Matrix(0x20000, 64, rows));

    sealed record Launched(string Kernel, int Blocks, int Threads, int SharedBytes, int[] Rows);

    sealed class Recorder : KernelLauncher
    {
        /// <summary>MatVecArgs in MatVec.cuh: three weights and three results come before the rows.</summary>
        const int RowsOffset = 6 * 8;

        public List<Launched> Launches { get; } = [];

        public bool IsRecording { get; set; } = true;

        public override int Multiprocessors => 132;

        public override int Architecture => 90;

        public override KernelFunction Find(string module, string kernel) => new(1, kernel);

        public override void Launch<TArguments>(
            KernelFunction kernel, (int X, int Y, int Z) grid, int threads, int sharedBytes, in TArguments arguments)
        {
            if (!IsRecording)
            {
                return;
            }

            Assert.Equal(112, Unsafe.SizeOf<TArguments>());
            var bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<TArguments>(in arguments));
            var rows = MemoryMarshal.Cast<byte, int>(bytes.Slice(RowsOffset, 12)).ToArray();
            Launches.Add(new(kernel.Name, grid.X * grid.Y * grid.Z, threads, sharedBytes, rows));
        }
    }
}
