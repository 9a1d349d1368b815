using System.Text.Json;
using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Inference;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Cuda;

/// <summary>Whole models on the GPU: the fixtures' answers, budgets that force streaming, and what is left behind.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaModelTests
{
    static readonly GenerationRequest Greedy = new() { Prompt = "", MaxTokens = 110, Sampling = new() { Temperature = 0 } };

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Quantizations => new(
        "logtriage-f16", "logtriage-draft-f16", "logtriage-Q8_0", "logtriage-Q6_K", "logtriage-Q5_K_M", "logtriage-Q4_K_M", "logtriage-Q4_0",
        "logtriage-Q3_K_M", "logtriage-Q2_K", "logtriage-IQ4_XS", "logtriage-IQ3_S");

    [Theory]
    [MemberData(nameof(Quantizations))]
    public async Task The_200_log_tasks_are_answered_as_exactly_as_by_the_reference(string name)
    {
        Gpu.Require();
        using var counts = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Shared("reference/logtriage-200-exact-match.json")));
        var least = counts.RootElement.GetProperty("llama.cpp").GetProperty($"{name}.gguf").GetInt32();
        using var model = Load(Fixtures.Shared($"models/{name}.gguf"), 1L << 30, kvTokens: 32 * 256);
        Assert.Equal(0, model.StreamedLayerCount);
        var tasks = Tasks();
        var answers = await Task.WhenAll(tasks.Select(t => model.SubmitAsync(Greedy with { Prompt = t.Log }, Token)));
        var exact = answers.Zip(tasks).Count(pair => pair.First.Text == pair.Second.Expected);
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {exact} of {tasks.Count}, the reference {least}");
        Assert.InRange(exact, least, tasks.Count);
    }

    [Fact]
    public async Task Text_does_not_depend_on_the_batch_or_on_what_streams()
    {
        Gpu.Require();
        var sampling = new SamplingOptions { Temperature = 3, TopK = 0, TopP = 1, MinP = 0 };
        var requests = Tasks().Take(40).Select((t, i) => Greedy with
        {
            Prompt = t.Log,
            MaxTokens = 60,
            Sampling = i % 2 == 0 ? Greedy.Sampling : sampling with { Seed = (ulong)i },
        }).ToList();
        var least = LeastBudget(Fixtures.DemoModel, 256);
        List<IReadOnlyList<int>[]> runs = [];
        foreach (var (budget, batch) in new[] { (1L << 30, 1), (1L << 30, 8), (1L << 30, 32), (least, 1), (least + (2L << 20), 4) })
        {
            using var model = Load(Fixtures.DemoModel, budget, kvTokens: null);
            using var places = new SemaphoreSlim(batch);
            var answers = await Task.WhenAll(requests.Select(async r =>
            {
                await places.WaitAsync(Token);
                try
                {
                    return (await model.SubmitAsync(r, Token)).TokenIds;
                }
                finally
                {
                    places.Release();
                }
            }));
            runs.Add(answers);
        }

        Assert.All(runs, run => Assert.Equal(runs[0], run));
    }

    [Fact]
    public async Task A_budget_below_the_model_streams_and_is_kept()
    {
        using var context = Gpu.Open();
        var path = WriteModel("streams.gguf", new() { LayerCount = 6, FeedForwardLength = 8192 });
        try
        {
            using (var first = Load(path, LeastBudget(path, 512), context: 512))
            {
                // The first answer brings the kernels' code into the device, which stays with the context.
                await first.SubmitAsync(Greedy with { Prompt = "x", Raw = true, MaxTokens = 30 }, Token);
            }

            var before = context.Info.FreeMemory;
            var least = LeastBudget(path, 512);
            foreach (var budget in new[] { least, least + (new FileInfo(path).Length - least) / 2 })
            {
                using (var model = Load(path, budget, context: 512))
                {
                    Assert.True(model.StreamedLayerCount > 0);
                    Assert.Equal(RouteKind.HostStaged, model.Route);
                    var result = await model.SubmitAsync(Greedy with { Prompt = "x", Raw = true, MaxTokens = 30 }, Token);
                    var used = before - context.Info.FreeMemory;
                    TestContext.Current.TestOutputHelper?.WriteLine($"budget {budget}, plan {model.Plan.TotalBytes}, used {used}");
                    Assert.InRange(model.Plan.TotalBytes, 1, budget);
                    Assert.InRange(used, model.Plan.TotalBytes, budget + CodeBytes);
                    Assert.Equal(result.Passes * model.BytesPerPass, result.BytesStreamed);
                }

                Assert.InRange(before - context.Info.FreeMemory, long.MinValue, 0);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>What the driver takes for a device's own loaded kernels and graphs, which no budget counts.</summary>
    const long CodeBytes = 32 << 20;

    [Theory]
    [InlineData(0L)]
    [InlineData(40L << 20)]
    public async Task Layers_in_host_memory_give_the_text_of_resident_ones(long hostBudget)
    {
        Gpu.Require();
        var path = WriteModel("tiers.gguf", new() { LayerCount = 8, FeedForwardLength = 4096, EmbeddingLength = 1024, HeadCount = 16 });
        try
        {
            var request = Greedy with { Prompt = "abc", Raw = true, MaxTokens = 40 };
            using var resident = Load(path, 1L << 30);
            var expected = await resident.SubmitAsync(request, Token);
            using var streamed = StreamModel.Load(
                path,
                new() { Device = "Cuda", ContextLength = 256, DeviceBudget = MemoryBudget.FromBytes(LeastBudget(path, 256)), HostBudget = MemoryBudget.FromBytes(hostBudget) },
                null, Token);
            Assert.True(streamed.StreamedLayerCount > 0);
            Assert.Equal(hostBudget > 0, streamed.HostLayerCount > 0);
            Assert.Equal(expected.TokenIds, (await streamed.SubmitAsync(request, Token)).TokenIds);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_context_of_8k_gives_the_CPUs_continuation()
    {
        Gpu.Require();
        var path = WriteModel("long.gguf", new() { LayerCount = 2, EmbeddingLength = 512, FeedForwardLength = 1024, HeadCount = 8, KeyValueHeadCount = 2, Type = "F16", VocabularySize = 4096 });
        try
        {
            var request = Greedy with { Prompt = string.Concat(Enumerable.Range(0, 1500).Select(i => $"{i * 7919 % 1000} ")), Raw = true, MaxTokens = 12 };
            var answers = new List<InferenceResult>();
            foreach (var device in new[] { "Cpu", "Cuda" })
            {
                using var model = StreamModel.Load(path, new() { Device = device, ContextLength = 8192, DeviceBudget = MemoryBudget.FromBytes(1L << 30) }, null, Token);
                answers.Add(await model.SubmitAsync(request, Token));
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"{answers[0].PromptTokenCount} prompt tokens");
            Assert.InRange(answers[0].PromptTokenCount, 4000, 8191);
            Assert.Equal(answers[0].TokenIds[0], answers[1].TokenIds[0]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Memory_that_cannot_be_had_is_refused_and_nothing_stays_behind()
    {
        using var context = Gpu.Open();
        var before = context.Info.FreeMemory;
        var error = Assert.Throws<DeviceException>(() => Load(Fixtures.DemoModel, 1L << 42, kvTokens: 400_000_000));
        Assert.Equal("DeviceBudgetTooSmall", error.ErrorId);
        Assert.Equal("DeviceBudgetTooSmall", Assert.Throws<BudgetException>(() => Load(Fixtures.DemoModel, 1 << 20)).ErrorId);
        Assert.InRange(before - context.Info.FreeMemory, long.MinValue, CodeBytes);
    }

    [Fact]
    public async Task Unloading_gives_every_byte_back()
    {
        using var context = Gpu.Open();
        long? first = null;
        for (var i = 0; i < 4; i++)
        {
            using (var model = Load(Fixtures.DemoModel, i % 2 == 0 ? 1L << 30 : LeastBudget(Fixtures.DemoModel, 256)))
            {
                using var cancel = new CancellationTokenSource();
                var cut = model.SubmitAsync(Greedy with { Prompt = Tasks()[i].Log }, cancel.Token);
                await Task.Delay(5 * i, Token);
                await cancel.CancelAsync();
                await cut.WaitAsync(TimeSpan.FromSeconds(2), Token);
            }

            first ??= context.Info.FreeMemory;
            Assert.Equal(first, context.Info.FreeMemory);
        }
    }

    [Fact]
    public void The_device_describes_itself()
    {
        using var device = Gpu.Open();
        var info = device.Info;
        TestContext.Current.TestOutputHelper?.WriteLine(info.ToString());
        Assert.Equal(DeviceKind.Cuda, info.Kind);
        Assert.Matches(@"^\d+\.\d$", info.ComputeCapability);
        Assert.Matches(@"^(sm_\d+|ptx)$", info.CubinTarget);
        Assert.InRange(info.FreeMemory, 1, info.Memory);
        Assert.False(string.IsNullOrEmpty(info.DriverVersion));
        Assert.Contains(ComputeDevices.List(), d => d.Kind == DeviceKind.Cuda && d.Name == info.Name);
    }

    static StreamModel Load(string path, long budget, int? kvTokens = null, int context = 256) => StreamModel.Load(
        path,
        new()
        {
            Device = "Cuda",
            DeviceBudget = MemoryBudget.FromBytes(budget),
            HostBudget = MemoryBudget.FromBytes(0),
            KvTokens = kvTokens,
            ContextLength = context,
        },
        null, Token);

    static long LeastBudget(string path, int contextLength) => Assert.Throws<BudgetException>(() => StreamModel.PlanOnly(
        path, new() { Device = "Cuda", DeviceBudget = MemoryBudget.FromBytes(0), ContextLength = contextLength })).LeastBytes;

    static string WriteModel(string name, SyntheticModel model)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}-{name}");
        model.Write(path);
        return path;
    }

    static List<(string Log, string Expected)> Tasks() => [.. File.ReadLines(Fixtures.Shared("tasks/logtriage-200.jsonl"))
        .Select(line => JsonDocument.Parse(line).RootElement)
        .Select(e => (e.GetProperty("log").GetString()!, e.GetProperty("expected").GetString()!))];
}
