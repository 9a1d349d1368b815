using NvStream.Compute.Cpu;
using NvStream.Tests.Models;
using Xunit;

namespace NvStream.Tests.Cpu;

[Collection(nameof(CpuResourceTests))]
public sealed class PassAllocationTests
{
    const int Context = 256;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void APassThatDecodesAllocatesNothing(bool isResident)
    {
        var path = Fixtures.DemoModel;
        using var model = new DecoderHarness(path, isResident ? 1L << 30 : Fixtures.LeastBudget(path, Context), Context, new CpuDevice(2));
        Assert.Equal(isResident, model.Plan.BytesPerPass == 0);
        var logits = new float[model.Spec.VocabularySize];
        int[] token = [1];
        var position = 0;
        var best = (Thread: long.MaxValue, Process: long.MaxValue);
        for (var attempt = 0; attempt < 5 && best != (0, 0); attempt++)
        {
            // Early attempts compile; the runtime's own threads may allocate during some of the others.
            Decode(40);
            var (thread, process) = (GC.GetAllocatedBytesForCurrentThread(), GC.GetTotalAllocatedBytes(precise: true));
            Decode(100);
            best = (
                Math.Min(best.Thread, GC.GetAllocatedBytesForCurrentThread() - thread),
                Math.Min(best.Process, GC.GetTotalAllocatedBytes(precise: true) - process));
        }

        Assert.Equal((0, 0), best);

        void Decode(int tokens)
        {
            for (var i = 0; i < tokens; i++)
            {
                token[0] = (token[0] * 31 + 7) % model.Spec.VocabularySize;
                model.Run(token, position, isDecoding: true, logits);
                position = (position + 1) % Context;
            }
        }
    }
}
