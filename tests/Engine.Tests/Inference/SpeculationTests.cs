using System.Text.Json;
using NvStream.Gguf;
using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tests.Async;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Inference;

/// <summary>Proposed tokens change how many passes an answer takes, and nothing else.</summary>
[Collection(SerialCollection.Name)]
public sealed class SpeculationTests
{
    /// <summary>Of the tasks, as many as show it.</summary>
    const int Tasks = 40;

    const string Log = "2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds";

    static readonly GenerationRequest Greedy = new()
    {
        Prompt = "",
        MaxTokens = 110,
        Sampling = new() { Temperature = 0 },
        Speculate = SpeculationMode.None,
    };

    static string Target => Fixtures.Shared("models/logtriage-Q8_0.gguf");

    static string Drafter => Fixtures.Shared("models/logtriage-draft-f16.gguf");

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task A_draft_model_gives_four_tokens_a_pass_and_the_same_text(int batch)
    {
        using var model = LoadDrafted(256, 256 * batch);
        Assert.Equal(Drafter, model.DraftModel);
        var (plain, drafted) = await Both(model, SpeculationMode.Draft, [.. ReadTasks().Select(t => Prompt(t.Log))], batch);
        Assert.Equal(plain.Select(r => r.Text), drafted.Select(r => r.Text));
        Assert.InRange(TokensPerPass(drafted), 4, 9);
        Assert.All(plain, r => Assert.Equal((0, 0, 0.0), (r.DraftedTokenCount, r.AcceptedTokenCount, r.AcceptedPerPass)));
        Assert.All(drafted, r => Assert.InRange(r.AcceptedTokenCount, 1, r.DraftedTokenCount));
    }

    [Fact]
    public async Task Looking_up_with_a_worked_example_takes_fewer_passes_for_the_same_text()
    {
        using var model = StreamModel.Load(Target, new() { ContextLength = 512 }, null, Token);
        var tasks = ReadTasks();
        var prompts = tasks.Select((t, i) => Example(tasks[(i + 1) % tasks.Count]) + Prompt(t.Log)).ToList();
        var (plain, lookedUp) = await Both(model, SpeculationMode.Lookup, prompts, 1);
        Assert.Equal(plain.Select(r => r.Text), lookedUp.Select(r => r.Text));
        Assert.InRange(TokensPerPass(lookedUp), 1.2, 9);
    }

    [Theory]
    [InlineData(SpeculationMode.Lookup, 0, 1f)]
    [InlineData(SpeculationMode.Lookup, 40, 1.1f)]
    [InlineData(SpeculationMode.Draft, 0, 1f)]
    [InlineData(SpeculationMode.Draft, 40, 1.1f)]
    [InlineData(SpeculationMode.Auto, 40, 1f)]
    public async Task Sampled_text_is_the_same_with_and_without(SpeculationMode mode, int topK, float penalty)
    {
        using var model = LoadDrafted(256, 1024);
        var request = Greedy with { Raw = true, Prompt = Prompt(Log) };
        var accepted = 0;
        for (ulong seed = 1; seed <= 12; seed++)
        {
            // Hot enough that answers differ from seed to seed, and that proposals are refused anywhere.
            var sampling = new SamplingOptions { Temperature = 0.5f + (seed % 4), TopK = topK, TopP = 1, MinP = 0, RepeatPenalty = penalty, Seed = seed };
            var plain = await model.SubmitAsync(request with { Sampling = sampling }, Token);
            var proposed = await model.SubmitAsync(request with { Sampling = sampling, Speculate = mode }, Token);
            Assert.Equal(plain.TokenIds, proposed.TokenIds);
            Assert.Equal((plain.Text, plain.FinishReason), (proposed.Text, proposed.FinishReason));
            accepted += proposed.AcceptedTokenCount;
        }

        Assert.True(mode != SpeculationMode.Draft || accepted > 100, $"only {accepted} proposed tokens were accepted");
    }

    [Theory]
    [InlineData(SpeculationMode.Lookup)]
    [InlineData(SpeculationMode.Draft)]
    [InlineData(SpeculationMode.Auto)]
    public async Task Answers_end_where_they_would_have_ended(SpeculationMode mode)
    {
        using var model = LoadDrafted(128);
        for (var most = 1; most <= 24; most++)
        {
            await Same(Greedy with { MaxTokens = most });
        }

        await Same(Greedy with { MaxTokens = 100_000 });
        foreach (var stop in new[] { "\"category\"", "r", "}", "ost\":\"sto" })
        {
            await Same(Greedy with { Stop = [stop] });
        }

        async Task Same(GenerationRequest request)
        {
            var live = "";
            request = request with { Raw = true, Prompt = Prompt(Log) };
            var plain = await model.SubmitAsync(request, Token);
            var proposed = await model.SubmitAsync(request with { Speculate = mode, OnText = t => live += t }, Token);
            Assert.Equal((plain.Text, plain.FinishReason), (proposed.Text, proposed.FinishReason));
            Assert.Equal(plain.TokenIds, proposed.TokenIds);
            Assert.Equal(plain.Text, live);
        }
    }

    [Fact]
    public async Task The_smallest_passes_have_room_for_proposals_and_for_prompts()
    {
        var least = Assert.Throws<BudgetException>(
            () => StreamModel.PlanOnly(Target, new() { DeviceBudget = MemoryBudget.FromBytes(0), ContextLength = 512, DraftModel = Drafter })).LeastBytes;
        using var model = StreamModel.Load(Target, new() { DeviceBudget = MemoryBudget.FromBytes(least), ContextLength = 512, DraftModel = Drafter }, null, Token);
        Assert.Equal((8, 4), (model.Plan.PassRows, model.Plan.PassSequences));
        Assert.InRange(model.Plan.TotalBytes, model.Plan.CompanionBytes + 1, least);
        var prompts = ReadTasks().Take(8).Select(t => Prompt(t.Log)).ToList();
        foreach (var mode in new[] { SpeculationMode.Draft, SpeculationMode.Lookup, SpeculationMode.Auto })
        {
            var (plain, proposed) = await Both(model, mode, prompts, 4);
            Assert.Equal(plain.Select(r => r.Text), proposed.Select(r => r.Text));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task Auto_gives_the_same_text(int batch)
    {
        using var model = LoadDrafted(256, 256 * batch);
        var tasks = ReadTasks();
        var answers = await All(model, SpeculationMode.Auto, [.. tasks.Select(t => Prompt(t.Log))], batch);
        Assert.Equal(tasks.Select(t => t.Expected), answers.Select(a => a.Text));
    }

    [Fact]
    public async Task Auto_takes_to_looking_up_where_passes_wait_for_bytes()
    {
        // A pass of copies that take milliseconds is as long with nine rows as with one.
        var device = new AsyncFakeDevice(mostCopyDelayMicroseconds: 4_000);
        using var model = StreamModel.LoadOn(
            Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes(6 << 20), HostBudget = MemoryBudget.FromBytes(64 << 20), ContextLength = 512 },
            () => device, null, Token);
        Assert.True(model.HostLayerCount > 2, "some layers are copied in every pass");
        var tasks = ReadTasks();
        var (passes, tokens) = (0, 0);
        for (var i = 0; i < 4; i++)
        {
            var request = Greedy with { Raw = true, Prompt = Example(tasks[i + 1]) + Prompt(tasks[i].Log), Speculate = SpeculationMode.Auto, MaxTokens = 60 };
            var answer = await model.SubmitAsync(request, Token);
            Assert.Equal((await model.SubmitAsync(request with { Speculate = SpeculationMode.None }, Token)).TokenIds, answer.TokenIds);
            (passes, tokens) = (passes + answer.Passes, tokens + answer.TokenCount);
        }

        Assert.True(tokens > 1.15 * passes, $"{tokens} tokens in {passes} passes");
        Assert.Null(device.BrokenRule);
    }

    [Fact]
    public async Task A_cancelled_answer_leaves_the_next_ones_as_they_were()
    {
        using var model = LoadDrafted(256, 1024);
        var request = Greedy with { Raw = true, Prompt = Prompt(Log), Speculate = SpeculationMode.Draft };
        var whole = await model.SubmitAsync(request, Token);
        for (var i = 0; i < 20; i++)
        {
            using var cancel = new CancellationTokenSource();
            var beside = model.SubmitAsync(request, Token);
            var tokens = 0;
            var cut = model.SubmitAsync(request with { OnText = _ => Interlocked.Increment(ref tokens) }, cancel.Token);
            await Task.Delay(i, Token);
            await cancel.CancelAsync();
            var result = await cut.WaitAsync(TimeSpan.FromSeconds(10), Token);
            Assert.StartsWith(result.Text, whole.Text, StringComparison.Ordinal);
            Assert.Equal(whole.Text, (await beside).Text);
        }
    }

    [Fact]
    public async Task Drafting_without_a_draft_model_is_an_error_that_says_what_to_do()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256 }, null, Token);
        Assert.Null(model.DraftModel);
        var error = await Assert.ThrowsAsync<InferenceException>(
            () => model.SubmitAsync(Greedy with { Prompt = Log, Speculate = SpeculationMode.Draft }, Token));
        Assert.Equal("DraftModelMissing", error.ErrorId);
        Assert.Contains("-DraftModel", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_another_vocabulary_cannot_draft()
    {
        using var folder = new TemporaryFolder();
        var other = folder.File("other.gguf");
        new SyntheticModel { EmbeddingLength = 256, FeedForwardLength = 256, HeadCount = 4, KeyValueHeadCount = 2, LayerCount = 1, VocabularySize = 512 }.Write(other);
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256 }, null, Token);
        Assert.Equal("DraftModelInvalid", Assert.Throws<InferenceException>(() => model.AttachDraft(other, null, Token)).ErrorId);
        Assert.Null(model.DraftModel);
        Assert.Equal(
            "DraftModelInvalid", Assert.Throws<InferenceException>(() => StreamModel.Load(Fixtures.DemoModel, new() { DraftModel = other }, null, Token)).ErrorId);
        Assert.Equal("GgufNotFound", Assert.ThrowsAny<NvStreamException>(() => model.AttachDraft(other + ".none", null, Token)).ErrorId);
    }

    [Fact]
    public async Task A_draft_model_is_attached_to_what_the_budget_has_left_and_may_be_replaced()
    {
        using var model = StreamModel.Load(Target, new() { ContextLength = 256 }, null, Token);
        var request = Greedy with { Raw = true, Prompt = Prompt(Log) };
        var plain = await model.SubmitAsync(request, Token);
        foreach (var draft in new[] { "models/logtriage-draft-f16.gguf", "models/logtriage-Q2_K.gguf", "models/logtriage-draft-f16.gguf" })
        {
            // Also while others use the one before.
            var beside = model.SubmitAsync(request with { Speculate = SpeculationMode.Auto }, Token);
            model.AttachDraft(Fixtures.Shared(draft), null, Token);
            Assert.Equal(Fixtures.Shared(draft), model.DraftModel);
            var drafted = await model.SubmitAsync(request with { Speculate = SpeculationMode.Draft }, Token);
            Assert.Equal(plain.Text, drafted.Text);
            Assert.True(drafted.AcceptedPerPass > 1);
            Assert.Equal(plain.Text, (await beside).Text);
        }
    }

    [Fact]
    public void A_draft_model_that_the_budget_has_no_room_for_is_refused()
    {
        using var model = StreamModel.Load(Target, new() { ContextLength = 256, DeviceBudget = MemoryBudget.FromBytes(3 << 20) }, null, Token);
        var error = Assert.Throws<BudgetException>(() => model.AttachDraft(Drafter, null, Token));
        Assert.Equal("DeviceBudgetTooSmall", error.ErrorId);
        Assert.Contains("-DraftModel", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Any_spelling_of_the_same_path_is_the_same_draft_model()
    {
        using var model = StreamModel.Load(Target, new() { ContextLength = 256 }, null, Token);
        var (path, loads) = (Drafter, 0);
        var folder = Path.GetDirectoryName(path)!;
        var progress = new Heard(() => loads++);
        string[] spellings = [path, Path.Combine(folder, "..", Path.GetFileName(folder), Path.GetFileName(path)), Path.GetRelativePath(Environment.CurrentDirectory, path)];
        foreach (var spelling in spellings)
        {
            model.AttachDraft(spelling, progress, Token);
            Assert.Equal(path, model.DraftModel);
            Assert.Equal(1, loads);
        }

        // The model itself drafts as well as it chooses.
        model.AttachDraft(model.Path, null, Token);
        var answer = await model.SubmitAsync(Greedy with { Raw = true, Prompt = Prompt(Log), Speculate = SpeculationMode.Draft }, Token);
        Assert.True(answer.AcceptedTokenCount > 0.8 * answer.DraftedTokenCount, $"{answer.AcceptedTokenCount} of {answer.DraftedTokenCount}");
    }

    [Fact]
    public async Task A_draft_model_that_cannot_be_loaded_leaves_the_one_before_or_none_and_a_model_that_answers()
    {
        using var folder = new TemporaryFolder();
        using var model = StreamModel.Load(Target, new() { ContextLength = 256 }, null, Token);
        var request = Greedy with { Raw = true, Prompt = Prompt(Log) };
        var plain = await model.SubmitAsync(request, Token);
        model.AttachDraft(Drafter, null, Token);

        // Found out from the header: what drafts goes on.
        var cut = folder.File("cut.gguf");
        File.WriteAllBytes(cut, File.ReadAllBytes(Drafter)[..^4096]);
        Assert.Equal("GgufTruncated", Assert.ThrowsAny<NvStreamException>(() => model.AttachDraft(cut, null, Token)).ErrorId);
        var bytes = File.ReadAllBytes(Drafter);
        for (int at; (at = bytes.AsSpan().IndexOf("llama"u8)) >= 0;)
        {
            "lamma"u8.CopyTo(bytes.AsSpan(at));
        }

        var strange = folder.File("strange.gguf");
        File.WriteAllBytes(strange, bytes);
        Assert.Equal("ArchitectureUnsupported", Assert.ThrowsAny<NvStreamException>(() => model.AttachDraft(strange, null, Token)).ErrorId);
        Assert.Equal(Drafter, model.DraftModel);
        Assert.Equal(plain.Text, (await model.SubmitAsync(request with { Speculate = SpeculationMode.Draft }, Token)).Text);

        // Stopped at any time, also while the one before drafts for an answer.
        var other = Fixtures.Shared("models/logtriage-Q2_K.gguf");
        Assert.ThrowsAny<OperationCanceledException>(() => model.AttachDraft(other, null, new(canceled: true)));
        Assert.Equal(Drafter, model.DraftModel);
        for (var delay = 0; delay < 24; delay += 3)
        {
            using var stop = new CancellationTokenSource(delay);
            var beside = model.SubmitAsync(request with { Speculate = SpeculationMode.Draft }, Token);
            var before = model.DraftModel;
            var error = Record.Exception(() => model.AttachDraft(other, null, stop.Token));
            Assert.True(error is null ? model.DraftModel == other : error is OperationCanceledException && (model.DraftModel is null || model.DraftModel == before), error?.ToString());
            Assert.Equal(plain.Text, (await beside).Text);
            Assert.Equal(plain.Text, (await model.SubmitAsync(request with { Speculate = SpeculationMode.Auto }, Token)).Text);
            model.AttachDraft(Drafter, null, Token);
        }

        Assert.Equal(plain.Text, (await model.SubmitAsync(request with { Speculate = SpeculationMode.Draft }, Token)).Text);
    }

    [Fact]
    public async Task A_model_may_be_released_while_a_draft_model_is_attached_and_answers_run()
    {
        var drafts = new[] { Drafter, Fixtures.Shared("models/logtriage-Q2_K.gguf") };
        for (var i = 0; i < 6; i++)
        {
            var model = StreamModel.Load(Target, new() { ContextLength = 256, DraftModel = drafts[0] }, null, Token);
            var answers = Enumerable.Range(0, 4).Select(n => model.SubmitAsync(
                Greedy with { Raw = true, Prompt = Prompt(Log), Speculate = n % 2 == 0 ? SpeculationMode.Draft : SpeculationMode.Auto }, Token)).ToList();
            var attaching = Task.Run(
                () =>
                {
                    for (var n = 1; ; n++)
                    {
                        model.AttachDraft(drafts[n % 2], null, Token);
                    }
                },
                Token);
            await Task.Delay(15 * i, Token);
            model.Dispose();
            Assert.Equal("ModelDisposed", (await Assert.ThrowsAnyAsync<NvStreamException>(() => attaching)).ErrorId);
            foreach (var answer in answers)
            {
                var error = await Record.ExceptionAsync(() => answer.WaitAsync(TimeSpan.FromSeconds(10), Token));
                Assert.True(error is null or NvStreamException { ErrorId: "ModelDisposed" }, error?.ToString());
            }
        }
    }

    [Fact]
    public void A_draft_model_is_read_by_a_route_of_its_own()
    {
        const string OtherFolder = "/dev/shm";
        Assert.SkipUnless(Directory.Exists(OtherFolder), "there is no file system without direct reads");
        var path = Path.Combine(OtherFolder, $"nvstream-{Guid.NewGuid():N}.gguf");
        try
        {
            File.Copy(Drafter, path);
            using var file = GgufFile.Open(path);
            using var direct = StoredFiles.TryOpenDirect(StoredFile.Of(file), out _);
            Assert.SkipUnless(direct is null, "every file system here has direct reads");
            using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256, Route = RouteKind.HostDirect, DraftModel = path }, null, Token);
            Assert.Equal(path, model.DraftModel);
        }
        finally
        {
            File.Delete(path);
        }
    }

    sealed class Heard(Action told) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => told();
    }

    static StreamModel LoadDrafted(int context, int? cells = null) =>
        StreamModel.Load(Target, new() { ContextLength = context, KvTokens = cells, DraftModel = Drafter }, null, Token);

    static async Task<(List<InferenceResult> Plain, List<InferenceResult> Proposed)> Both(
        StreamModel model, SpeculationMode mode, List<string> prompts, int batch) =>
        (await All(model, SpeculationMode.None, prompts, batch), await All(model, mode, prompts, batch));

    static async Task<List<InferenceResult>> All(StreamModel model, SpeculationMode mode, List<string> prompts, int batch)
    {
        var results = new List<InferenceResult>();
        foreach (var part in prompts.Chunk(batch))
        {
            results.AddRange(await Task.WhenAll(part.Select(p => model.SubmitAsync(Greedy with { Raw = true, Prompt = p, Speculate = mode }, Token))));
        }

        return results;
    }

    /// <summary>Of passes that decoded.</summary>
    static double TokensPerPass(List<InferenceResult> results) =>
        1 + (results.Sum(r => r.AcceptedTokenCount) / results.Sum(r => r.AcceptedTokenCount / r.AcceptedPerPass));

    static List<(string Log, string Expected)> ReadTasks() =>
    [
        .. File.ReadLines(Fixtures.Shared("tasks/logtriage-200.jsonl")).Take(Tasks)
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Select(e => (e.GetProperty("log").GetString()!, e.GetProperty("expected").GetString()!)),
    ];

    static string Prompt(string log) => $"<|user|>{log}<|eot_id|><|assistant|>";

    static string Example((string Log, string Expected) task) => Prompt(task.Log) + task.Expected + "<|eot_id|>";
}
