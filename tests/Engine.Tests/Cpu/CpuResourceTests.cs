using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Cpu;

/// <summary>Process-wide counters can only be compared while no other test runs.</summary>
[CollectionDefinition(nameof(CpuResourceTests), DisableParallelization = true)]
public sealed class CpuResourceCollection;

[Collection(nameof(CpuResourceTests))]
public sealed class CpuResourceTests
{
    [Fact]
    public void NoOperationAllocatesOnTheManagedHeap()
    {
        const int rows = 24, hidden = 512, kvHeads = 2, headDim = 64;
        using var rig = new Rig(new CpuDevice(2));
        var device = rig.Device;
        device.ReserveScratch(rows, hidden, AttentionLayout.MaxHeadDim);
        var x = rig.Matrix(Rig.Random(1, rows * hidden), rows);
        var (y, kv) = (rig.Empty(rows, hidden), rig.Matrix(Rig.Random(2, rows * kvHeads * headDim), rows));
        var cache = rig.Cache(4096, kvHeads, headDim);
        var gain = rig.Vector(Rig.Random(3, hidden));
        var rope = new RopeTable(rig.Vector(Rig.Random(4, headDim / 2)).Address, headDim, 1, RopeLayout.Interleaved);
        var embedded = CpuOpsTests.Weights(TensorType.Q4_K, rows, hidden);
        Projection[] projections =
        [
            new(new(rig.Bytes(CpuOpsTests.Weights(TensorType.Q4_K, hidden, hidden)), TensorType.Q4_K, hidden, hidden), y),
            new(new(rig.Bytes(CpuOpsTests.Weights(TensorType.Q8_0, kv.Columns, hidden)), TensorType.Q8_0, kv.Columns, hidden), kv),
        ];
        SequenceSpan[] prefill = [new(0, rows - 1, 0, 0), new(rows - 1, 1, 100, 3000)];
        SequenceSpan[] decode = [new(0, 1, 0, 4000)];
        int[] picked = [3, 1];

        void Pass(int round)
        {
            var spans = round % 2 == 0 ? prefill : decode;
            device.Embed(embedded, TensorType.Q4_K, x);
            device.RmsNorm(x, gain, 1e-5f, y);
            device.MatMul(x, projections);
            device.AddBias(y, gain);
            device.Rope(y, headDim, rope, spans);
            device.StoreKv(kv, kv, cache, spans);
            device.Attention(y, cache, 0.1f, spans, x);
            device.SwiGlu(x, y, y);
            device.Add(x, y);
            device.GatherRows(x, picked, y.Top(2));
            device.RecordFence(0).Wait();
        }

        var best = (Thread: long.MaxValue, Process: long.MaxValue);
        for (var attempt = 0; attempt < 5 && best != (0, 0); attempt++)
        {
            // Early rounds and attempts compile; the runtime's own threads may allocate during some of the others.
            for (var round = 0; round < 20; round++)
            {
                Pass(round);
            }

            var (thread, process) = (GC.GetAllocatedBytesForCurrentThread(), GC.GetTotalAllocatedBytes(precise: true));
            for (var round = 0; round < 200; round++)
            {
                Pass(round);
            }

            best = (
                Math.Min(best.Thread, GC.GetAllocatedBytesForCurrentThread() - thread),
                Math.Min(best.Process, GC.GetTotalAllocatedBytes(precise: true) - process));
        }

        Assert.Equal((0, 0), best);
    }

    [Fact]
    public void MemoryCountersComeBackToWhereTheyWere()
    {
        var before = CpuMemory.LiveBytes;
        using (var device = new CpuDevice(2))
        {
            var blocks = new long[] { 0, 1, 4096, 5000, 3 << 20, (2 << 20) + 1 }.Select(bytes => device.Allocate(bytes, "test")).ToList();
            Assert.Equal(before + blocks.Sum(block => block.Length), CpuMemory.LiveBytes);
            device.ReserveScratch(16, 4096, AttentionLayout.MaxHeadDim);
            Assert.Equal(before + blocks.Sum(block => block.Length) + device.ScratchBytes(16, 4096, AttentionLayout.MaxHeadDim), CpuMemory.LiveBytes);
            device.ReserveScratch(32, 4096, AttentionLayout.MaxHeadDim);
            Assert.Equal(before + blocks.Sum(block => block.Length) + device.ScratchBytes(32, 4096, AttentionLayout.MaxHeadDim), CpuMemory.LiveBytes);
            blocks.ForEach(block => block.Dispose());
            blocks.ForEach(block => block.Dispose());
        }

        Assert.Equal(before, CpuMemory.LiveBytes);
    }

    [Fact]
    public void AForgottenBlockIsFreedByItsFinalizer()
    {
        var before = CpuMemory.LiveBytes;
        Forget();
        for (var i = 0; i < 10 && CpuMemory.LiveBytes != before; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(before, CpuMemory.LiveBytes);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Forget() => _ = CpuMemory.Allocate(1 << 20, "test", "test");
    }

    [Fact]
    public void DisposingADeviceEndsItsThreads()
    {
        var before = CpuWorkers.LiveThreads;
        for (var round = 0; round < 20; round++)
        {
            using var device = new CpuDevice(8, CpuInfo.VectorBits, processors: 8);
            Assert.Equal(8, device.Threads);
            SpinWait.SpinUntil(() => CpuWorkers.LiveThreads == before + 7, TimeSpan.FromSeconds(10));
            Assert.Equal(before + 7, CpuWorkers.LiveThreads);
        }

        Assert.Equal(before, CpuWorkers.LiveThreads);
    }
}
