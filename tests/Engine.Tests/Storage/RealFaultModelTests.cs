using System.Diagnostics;
using NvStream.Compute.Cpu;
using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Storage;

/// <summary>A whole model over a file system that fails.</summary>
[Collection(SerialCollection.Name)]
public sealed class RealFaultModelTests
{
    const string Answer =
        """{"time":"2027-09-28T18:12:11Z","host":"ci-60","source":"df","severity":"warning","category":"capacity","component":"/boot","action":"free disk space"}""";

    static readonly GenerationRequest s_request = new()
    {
        Prompt = "2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full",
        MaxTokens = 110,
        Sampling = new() { Temperature = 0 },
    };

    static readonly byte[] s_content = File.ReadAllBytes(Fixtures.DemoModel);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(RouteKind.HostDirect)]
    [InlineData(RouteKind.Mapped)]
    public async Task A_request_whose_read_fails_fails_alone_and_the_next_is_answered(RouteKind route)
    {
        using var files = FaultyFileSystem.MountOrSkip(s_content);
        using var model = Load(files, route);
        Assert.True(model.StreamedLayerCount > 0);
        Assert.Equal(Answer, (await model.SubmitAsync(s_request, Token)).Text);

        foreach (var error in (int[])[FaultyFileSystem.InputOutput, FaultyFileSystem.NoDevice])
        {
            var fails = false;
            files.OnRead = (_, _) => new(Volatile.Read(ref fails) ? error : 0);
            var failure = await Assert.ThrowsAsync<StorageException>(
                () => model.SubmitAsync(s_request with { OnText = _ => Volatile.Write(ref fails, true) }, Token));
            Assert.Equal("StorageReadFailed", failure.ErrorId);
            Assert.Contains(files.Path, failure.Message, StringComparison.Ordinal);
            files.Release();
            Assert.Equal(Answer, (await model.SubmitAsync(s_request, Token)).Text);
        }
    }

    [Theory]
    [InlineData(RouteKind.HostDirect)]
    [InlineData(RouteKind.Mapped)]
    public async Task A_request_is_cancelled_and_a_model_let_go_of_though_reads_stall(RouteKind route)
    {
        using var files = FaultyFileSystem.MountOrSkip(s_content);
        using var cancel = new CancellationTokenSource();
        var model = Load(files, route);
        var stalls = false;

        // Embedding rows are gathered by the thread that runs passes, with nobody to watch it: they stay readable.
        var embedded = EndOfEmbedding();
        files.OnRead = (offset, _) => new(Stalls: offset >= embedded && Volatile.Read(ref stalls));
        var request = model.SubmitAsync(s_request with { OnText = _ => Volatile.Write(ref stalls, true) }, cancel.Token);
        Assert.True(SpinWait.SpinUntil(() => files.Stalled > 0, 30_000));
        await cancel.CancelAsync();
        var asked = Stopwatch.GetTimestamp();
        var result = await request.WaitAsync(TimeSpan.FromSeconds(20), Token);
        Assert.InRange(Stopwatch.GetElapsedTime(asked).TotalSeconds, 0, 4);
        Assert.Equal(FinishReason.Cancelled, result.FinishReason);

        var start = Stopwatch.GetTimestamp();
        model.Dispose();
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 20);
        files.Release();
    }

    [Fact]
    public async Task A_load_that_is_cancelled_while_reads_stall_keeps_the_memory_that_they_lead_into()
    {
        using var files = FaultyFileSystem.MountOrSkip(s_content);
        using var cancel = new CancellationTokenSource();
        var memory = CpuMemory.LiveBytes;

        // The tensors, after metadata that the reader has in larger pieces.
        files.OnRead = (offset, _) => new(Stalls: offset > s_content.Length / 2);
        var load = Task.Run(
            () => StreamModel.Load(files.Path, new() { Route = RouteKind.Mapped, Device = "Cpu", ContextLength = 256 }, null, cancel.Token), Token);
        Assert.True(SpinWait.SpinUntil(() => files.Stalled > 0, 30_000));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load.WaitAsync(TimeSpan.FromSeconds(20), Token));
        Assert.True(CpuMemory.LiveBytes > memory);
        files.Release();
    }

    static long EndOfEmbedding()
    {
        using var file = NvStream.Gguf.GgufFile.Open(Fixtures.DemoModel);
        var table = file.Tensors.Single(t => t.Name == "token_embd.weight");
        return table.Offset + table.Bytes;
    }

    static StreamModel Load(FaultyFileSystem files, RouteKind route) => StreamModel.Load(
        files.Path, new() { Route = route, Device = "Cpu", DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token);
}
