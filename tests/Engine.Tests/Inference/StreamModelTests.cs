using System.Text.Json;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Inference;

/// <summary>A loaded model as the cmdlets and programs use it.</summary>
[Collection(SerialCollection.Name)]
public sealed class StreamModelTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    static readonly GenerationRequest Greedy = new() { Prompt = "", MaxTokens = 110, Sampling = new() { Temperature = 0 } };

    static readonly string[] Logs =
    [
        "2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full",
        "2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds",
        "2029-10-21T05:39:00Z queue-84 rabbitmq: queue email consumer timeout after 6540ms",
        "2024-05-26T01:34:13Z auth-49 kernel: nvidia-fs: registered driver, version 6.22.3",
    ];

    [Fact]
    public async Task Under_a_budget_smaller_than_the_model_it_streams_and_answers()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token);
        Assert.True(model.StreamedLayerCount > 0);
        Assert.Equal(model.LayerCount, model.StreamedLayerCount + model.ResidentLayerCount);
        Assert.InRange(model.Plan.TotalBytes, 1, 3 << 20);

        var result = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
        Assert.Equal(
            """{"time":"2027-09-28T18:12:11Z","host":"ci-60","source":"df","severity":"warning","category":"capacity","component":"/boot","action":"free disk space"}""",
            result.Text);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
        Assert.Equal(result.Passes * model.BytesPerPass, result.BytesStreamed);
        Assert.InRange(result.StallFraction, 0, 1);
        Assert.True(result.BoundRate > 0 && result.DecodeRate > 0 && result.PromptRate > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task All_200_log_tasks_are_answered_exactly(int batch)
    {
        var tasks = File.ReadLines(Fixtures.Shared("tasks/logtriage-200.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Select(e => (Log: e.GetProperty("log").GetString()!, Expected: e.GetProperty("expected").GetString()!))
            .ToList();
        using var model = StreamModel.Load(
            Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes((4L + batch) << 20), KvTokens = 256 * batch, ContextLength = 256 }, null, Token);
        var results = new List<Task<InferenceResult>>();
        using var places = new SemaphoreSlim(batch);
        foreach (var task in tasks)
        {
            await places.WaitAsync(Token);
            results.Add(Answer(task.Log));
        }

        var answers = await Task.WhenAll(results);
        Assert.Equal(tasks.Select(t => t.Expected), answers.Select(a => a.Text));

        async Task<InferenceResult> Answer(string log)
        {
            try
            {
                return await model.SubmitAsync(Greedy with { Prompt = log }, Token);
            }
            finally
            {
                places.Release();
            }
        }
    }

    [Fact]
    public async Task Sampled_text_depends_on_the_seed_and_not_on_the_company()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256 }, null, Token);
        var request = Greedy with { Prompt = Logs[1], Sampling = new() { Temperature = 5, TopK = 0, TopP = 1, MinP = 0, Seed = 42 } };
        var alone = await model.SubmitAsync(request, Token);

        var others = Logs.Select(l => model.SubmitAsync(request with { Prompt = l, Sampling = request.Sampling with { Seed = 7 } }, Token)).ToList();
        var together = await model.SubmitAsync(request, Token);
        await Task.WhenAll(others);
        Assert.Equal(alone.TokenIds, together.TokenIds);
        Assert.Equal(42ul, together.Seed);

        var unseeded = await model.SubmitAsync(request with { Sampling = request.Sampling with { Seed = null } }, Token);
        var again = await model.SubmitAsync(request with { Sampling = request.Sampling with { Seed = unseeded.Seed } }, Token);
        Assert.Equal(unseeded.TokenIds, again.TokenIds);
        Assert.NotEqual(alone.TokenIds, unseeded.TokenIds);
    }

    [Fact]
    public async Task Live_text_is_the_whole_text_and_stop_texts_end_it()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256 }, null, Token);
        var pieces = new List<string>();
        var result = await model.SubmitAsync(Greedy with { Prompt = Logs[0], OnText = pieces.Add }, Token);
        Assert.Equal(result.Text, string.Concat(pieces));
        Assert.True(pieces.Count > 20);

        var stopped = await model.SubmitAsync(Greedy with { Prompt = Logs[0], Stop = ["\"category\""] }, Token);
        Assert.Equal(FinishReason.StopSequence, stopped.FinishReason);
        Assert.Equal(result.Text[..result.Text.IndexOf("\"category\"", StringComparison.Ordinal)], stopped.Text);

        var cut = await model.SubmitAsync(Greedy with { Prompt = Logs[0], MaxTokens = 5 }, Token);
        Assert.Equal((FinishReason.Length, 5), (cut.FinishReason, cut.TokenCount));
        Assert.StartsWith(cut.Text, result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_that_cannot_be_answered_fail_alone()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 64 }, null, Token);
        Assert.Equal("PromptEmpty", await ErrorOf(model, Greedy with { Prompt = "" }));
        Assert.Equal("ContextLengthExceeded", await ErrorOf(model, Greedy with { Prompt = new string('x', 500) }));
        Assert.Equal("ArgumentInvalid", await ErrorOf(model, Greedy with { Prompt = "x", MaxTokens = 0 }));
        var result = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
        Assert.Equal(FinishReason.Length, result.FinishReason);
        Assert.Equal(64, result.PromptTokenCount + result.TokenCount);
    }

    [Fact]
    public async Task Prompts_with_lone_surrogates_and_control_characters_are_answered()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256 }, null, Token);
        var result = await model.SubmitAsync(Greedy with { Prompt = "\ud800 \0\u0001\uffff \udc00", MaxTokens = 8 }, Token);
        Assert.True(result.TokenCount > 0);
    }

    [Fact]
    public async Task Cancellation_ends_a_request_at_once_and_leaves_the_model_usable()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token);
        for (var i = 0; i < 20; i++)
        {
            using var cancel = new CancellationTokenSource();
            var tasks = Logs.Select(l => model.SubmitAsync(Greedy with { Prompt = l }, cancel.Token)).ToList();
            await Task.Delay(i, Token);
            await cancel.CancelAsync();
            var results = await Task.WhenAll(tasks).WaitAsync(TimeSpan.FromSeconds(1), Token);
            Assert.All(results, r => Assert.True(r.FinishReason is FinishReason.Cancelled or FinishReason.Stop));
        }

        var after = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
        Assert.Equal(FinishReason.Stop, after.FinishReason);
    }

    [Fact]
    public async Task Disposal_ends_what_runs_and_frees_memory_files_and_threads()
    {
        var (memory, files) = (CpuMemory.LiveBytes, OpenFiles());
        Task<InferenceResult> running;
        using (var model = StreamModel.Load(Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token))
        {
            Assert.True(CpuMemory.LiveBytes > memory);
            running = model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
            model.Dispose();
            Assert.True(model.IsDisposed);
            Assert.Equal("ModelDisposed", await ErrorOf(model, Greedy with { Prompt = "x" }));
        }

        if (await Record.ExceptionAsync(() => running) is { } error)
        {
            Assert.Equal("ModelDisposed", Assert.IsAssignableFrom<NvStreamException>(error).ErrorId);
        }

        Assert.Equal(memory, CpuMemory.LiveBytes);
        Assert.Equal(files, OpenFiles());
    }

    [Fact]
    public async Task A_file_that_shrinks_while_streaming_is_an_error_and_not_the_end()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("nvstream").FullName, "shrinking.gguf");
        File.Copy(Fixtures.DemoModel, path);
        var length = new FileInfo(path).Length;
        try
        {
            foreach (var route in (RouteKind[])[RouteKind.Auto, RouteKind.Mapped])
            {
                File.Copy(Fixtures.DemoModel, path, overwrite: true);
                var written = File.GetLastWriteTimeUtc(path);
                using var model = StreamModel.Load(path, new() { Route = route, DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token);
                await model.SubmitAsync(Greedy with { Prompt = Logs[0], MaxTokens = 2 }, Token);
                Truncate(path, length / 3);
                Assert.Equal("StorageReadFailed", await ErrorOf(model, Greedy with { Prompt = Logs[0] }));
                Assert.Equal("StorageReadFailed", await ErrorOf(model, Greedy with { Prompt = Logs[0] }));

                // Whole again, in the same file, and of the time it had: the model recovers.
                using (var target = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
                using (var source = File.OpenRead(Fixtures.DemoModel))
                {
                    source.CopyTo(target);
                }

                File.SetLastWriteTimeUtc(path, written);
                var after = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
                Assert.Equal(FinishReason.Stop, after.FinishReason);
            }
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    [Fact]
    public async Task A_file_that_is_deleted_while_streaming_does_no_harm()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not delete open files.");
        var path = Path.Combine(Directory.CreateTempSubdirectory("nvstream").FullName, "gone.gguf");
        File.Copy(Fixtures.DemoModel, path);
        using var model = StreamModel.Load(path, new() { DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        var result = await model.SubmitAsync(Greedy with { Prompt = Logs[0] }, Token);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
    }

    [Fact]
    public void A_budget_that_cannot_do_names_the_least_that_does()
    {
        var memory = CpuMemory.LiveBytes;
        var options = new ModelOptions { DeviceBudget = MemoryBudget.FromBytes(100_000), ContextLength = 256 };
        var error = Assert.Throws<BudgetException>(() => StreamModel.Load(Fixtures.DemoModel, options, null, Token));
        Assert.Equal("DeviceBudgetTooSmall", error.ErrorId);
        Assert.Throws<BudgetException>(() => StreamModel.PlanOnly(Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(error.LeastBytes - 1) }));
        using var least = StreamModel.Load(Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(error.LeastBytes) }, null, Token);
        Assert.InRange(CpuMemory.LiveBytes - memory, 1, error.LeastBytes);
    }

    [Fact]
    public void A_route_asked_for_by_name_that_cannot_be_had_is_an_error()
    {
        var error = Assert.Throws<StorageException>(() => StreamModel.Load(Fixtures.DemoModel, new() { Route = RouteKind.GpuDirect }, null, Token));
        Assert.Equal("RouteUnavailable", error.ErrorId);
    }

    [Fact]
    public async Task Steady_decoding_allocates_next_to_nothing()
    {
        // Random weights of a larger vocabulary: they never choose the end of the answer.
        var path = Path.Combine(Directory.CreateTempSubdirectory("nvstream").FullName, "random.gguf");
        new SyntheticModel { EmbeddingLength = 256, FeedForwardLength = 512, HeadCount = 4, KeyValueHeadCount = 2, LayerCount = 6, VocabularySize = 2000 }.Write(path);
        using var model = StreamModel.Load(
            path, new() { DeviceBudget = MemoryBudget.FromBytes(Fixtures.LeastBudget(path, 256)), ContextLength = 256 }, null, Token);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        Assert.True(model.StreamedLayerCount > 0);
        await Decode(200);
        var few = await Decode(20);
        var many = await Decode(200);

        // What a request costs is the same for both; the difference is the tokens' own: two ids, and characters in the
        // buffer and in the result.
        Assert.InRange((many - few) / 180.0, 0, 64);

        async Task<long> Decode(int tokens)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            var result = await model.SubmitAsync(
                Greedy with { Prompt = "x", MaxTokens = tokens, Raw = true, Sampling = new() { Temperature = 0, RepeatPenalty = 1.3f } }, Token);
            Assert.Equal(FinishReason.Length, result.FinishReason);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }
    }

    static async Task<string> ErrorOf(StreamModel model, GenerationRequest request) =>
        (await Assert.ThrowsAnyAsync<NvStreamException>(() => model.SubmitAsync(request, Token))).ErrorId;

    static int OpenFiles() => OperatingSystem.IsLinux() ? Directory.GetFiles("/proc/self/fd").Length : 0;

    static void Truncate(string path, long length)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(length);
    }
}
