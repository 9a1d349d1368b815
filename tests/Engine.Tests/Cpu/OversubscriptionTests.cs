using NvStream.Compute.Cpu;
using NvStream.Inference;
using Xunit;

namespace NvStream.Tests.Cpu;

/// <summary>
/// Decode rates of the demo model, whose parallel regions are some microseconds long: what waits badly shows here first.
/// Limits tell a collapse (ten times and more) from a busy machine.
/// </summary>
[Collection(SerialCollection.Name)]
public sealed class OversubscriptionTests
{
    const int Rounds = 7;

    static readonly string Log = "2026-03-02T04:11:09Z db-07 kernel: nvme nvme3: I/O 412 QID 7 timeout, aborting";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FourTimesAsManyThreadsAsCoresDecodeAtNoLessThanAThirdOfTheRate()
    {
        using var few = Load(Environment.ProcessorCount);
        using var many = Load(4 * Environment.ProcessorCount);
        await Rate(few);
        await Rate(many);
        var (alone, crowded) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            alone.Add(await Rate(few));
            crowded.Add(await Rate(many));
        }

        Assert.True(Median(crowded) >= Median(alone) / 3, $"{Median(crowded):F0} tokens/s on four times as many threads, {Median(alone):F0} on one a core");
    }

    [Fact]
    public async Task BesideThreadsThatTakeEveryCoreDecodingGoesOn()
    {
        using var model = Load(Environment.ProcessorCount);
        await Rate(model);
        var (alone, beside) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            alone.Add(await Rate(model));
            using (new Hogs(Environment.ProcessorCount))
            {
                beside.Add(await Rate(model));
            }
        }

        // Half the time is a fair share.
        Assert.True(Median(beside) >= Median(alone) / 12, $"{Median(beside):F0} tokens/s beside busy threads, {Median(alone):F0} alone");
    }

    static StreamModel Load(int threads) => StreamModel.Load(Fixtures.DemoModel, new() { Device = "Cpu", Threads = threads, ContextLength = 128 }, null, Token);

    static async Task<double> Rate(StreamModel model)
    {
        var result = await model.SubmitAsync(new() { Prompt = Log, MaxTokens = 80, Sampling = new() { Temperature = 0 } }, Token);
        Assert.StartsWith("{\"time\":\"2026-03-02T04:11:09Z\",\"host\":\"db-07\"", result.Text, StringComparison.Ordinal);
        return result.DecodeRate;
    }

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    /// <summary>Threads that compute until disposal.</summary>
    sealed class Hogs : IDisposable
    {
        readonly Thread[] threads;
        volatile bool isOver;

        public Hogs(int count)
        {
            threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(Burn) { IsBackground = true })];
            Array.ForEach(threads, t => t.Start());
        }

        public void Dispose()
        {
            isOver = true;
            Array.ForEach(threads, t => t.Join());
        }

        void Burn()
        {
            while (!isOver)
            {
                Thread.SpinWait(100);
            }
        }
    }
}
