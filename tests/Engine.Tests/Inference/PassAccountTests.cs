using NvStream.Inference;
using NvStream.Streaming;
using NvStream.Tests.Async;

namespace NvStream.Tests.Inference;

/// <summary>That bytes, times and rates of an account add up, by themselves and for models in every tier.</summary>
[Collection(SerialCollection.Name)]
public sealed class PassAccountTests
{
    const string Log = "2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Four passes: 10 s long, 2 s after each other, 5 s of reading and 3 s of copying each.</summary>
    static readonly PassFigures Four = new()
    {
        Passes = 4,
        Duration = Seconds(40),
        Between = Seconds(8),
        DeviceBytes = 4000,
        HostBytes = 2000,
        StorageBytes = 400,
        StorageStall = Seconds(6),
        LinkStall = Seconds(2),
        ReadTime = Seconds(20),
        LinkTime = Seconds(12),
    };

    [Fact]
    public void An_account_is_of_one_pass()
    {
        var account = new PassAccount(Four, tokens: 6);
        Assert.Equal(4, account.Passes);
        Assert.Equal(1.5, account.TokensPerPass);
        Assert.Equal((1000, 500, 100), (account.DeviceBytes, account.HostBytes, account.StorageBytes));
        Assert.Equal(Seconds(10), account.Duration);
        Assert.Equal(Seconds(2), account.TimeBetween);
        Assert.Equal(Seconds(1.5), account.StorageStall);
        Assert.Equal(Seconds(0.5), account.LinkStall);
        Assert.Equal(Seconds(8), account.ComputeTime);
        Assert.Equal(Seconds(5), account.ReadTime);
        Assert.Equal(Seconds(3), account.LinkTime);
        Assert.Equal(400 / 20.0, account.StorageRate);
        Assert.Equal(2400 / 12.0, account.LinkRate);
        Assert.Equal(BindingTerm.Compute, account.BindingTerm);
        Assert.Equal(6 / 32.0, account.BoundRate);
        Assert.Equal(6 / 48.0, account.Rate);
    }

    [Theory]
    [InlineData(9, 0, BindingTerm.Nvme, 1 / 9.0)]
    [InlineData(0, 9, BindingTerm.Pcie, 1 / 9.0)]
    [InlineData(0, 0, BindingTerm.Compute, 1 / 8.0)]
    public void The_bound_is_the_longest_terms_rate(int reading, int moving, BindingTerm term, double rate)
    {
        var account = new PassAccount(Four with { ReadTime = 4 * Seconds(reading), LinkTime = 4 * Seconds(moving) }, tokens: 4);
        Assert.Equal(term, account.BindingTerm);
        Assert.Equal(rate, account.BoundRate, 1e-12);
    }

    [Fact]
    public void No_passes_are_an_account_of_nothing()
    {
        var account = new PassAccount(default, tokens: 0);
        Assert.Equal((0, 0.0, 0.0, 0.0, 0.0), (account.Passes, account.TokensPerPass, account.Rate, account.BoundRate, account.LinkRate));
        Assert.Equal(TimeSpan.Zero, account.Duration + account.ComputeTime + account.StorageStall + account.LinkStall);
    }

    [Fact]
    public void Stalls_that_a_device_counts_late_never_exceed_the_time()
    {
        var account = new PassAccount(Four with { StorageStall = Seconds(30), LinkStall = Seconds(30) }, tokens: 4);
        Assert.Equal(account.Duration, account.ComputeTime + account.StorageStall + account.LinkStall);
        Assert.Equal((Seconds(7.5), Seconds(2.5), TimeSpan.Zero), (account.StorageStall, account.LinkStall, account.ComputeTime));
    }

    [Fact]
    public void Its_text_names_rates_tiers_and_stalls()
    {
        var text = new PassAccount(Four with { HostBytes = 4L * 3 << 30, StorageBytes = 0, DeviceBytes = 4 << 20 }, tokens: 6).ToString();
        Assert.Equal(
            "0.13 t/s of at most 0.19 by Compute, 1.5 tokens a pass; a pass: 10000.0 ms, 1.0 MB device, 3.0 GB host, 0 NVMe, "
            + "stalled 1500.0 ms on NVMe and 500.0 ms on PCIe",
            text);
    }

    [Fact]
    public async Task On_the_cpu_a_pass_reads_each_tier_once_and_its_times_add_up()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes(3 << 20), ContextLength = 256 }, null, Token);
        Assert.True(model.StreamedLayerCount > 0);
        var result = await Answer(model, Log, 60);
        Check(model, result);
        Assert.Equal(0, result.BytesFromHost);
        Assert.Equal((0, TimeSpan.Zero), (result.Account.LinkRate, result.Account.LinkStall));
        Assert.NotEqual(BindingTerm.Pcie, result.BindingTerm);
        Assert.True(result.Account.StorageRate > 0);

        // The same wall clock, seen from the passes: what is between them is counted.
        Assert.InRange(result.Account.Rate / result.DecodeRate, 0.8, 1.25);
    }

    [Fact]
    public async Task On_a_device_of_its_own_memory_host_bytes_and_the_link_are_told()
    {
        var options = new ModelOptions { ContextLength = 256, KvTokens = 768, BlockSize = 32 * 1024, QueueDepth = 3, HostBudget = MemoryBudget.FromBytes(64 << 20) };
        var least = Assert.Throws<BudgetException>(
            () => StreamModel.PlanOn(Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(0) }, () => new AsyncFakeDevice())).LeastBytes;
        using var model = StreamModel.LoadOn(
            Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(least) }, () => new AsyncFakeDevice(), null, Token);
        Assert.True(model.Plan.HostBytes > 0);
        var result = await Answer(model, Log, 30);
        Check(model, result);
        Assert.True(result.BytesFromHost > 0 && result.Account.LinkRate > 0 && result.Account.LinkTime > TimeSpan.Zero);
    }

    [Fact]
    public async Task Where_nothing_is_decoded_the_prompts_passes_are_the_account()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { ContextLength = 256 }, null, Token);
        var result = await Answer(model, Log, 1);
        Assert.Equal(result.Passes, result.Account.Passes);
        Assert.Equal(result.Passes, result.PromptAccount!.Passes);
        Assert.Equal(1.0 / result.Passes, result.Account.TokensPerPass);
        Assert.Equal((double)result.PromptTokenCount / result.Passes, result.PromptAccount.TokensPerPass, 1e-9);

        var summary = new AccountSummary();
        summary.Add(result);
        Assert.Null(summary.Decoding);
        Assert.Equal(result.PromptAccount, summary.Prompts);
    }

    [Fact]
    public async Task A_summary_weighs_answers_by_their_passes()
    {
        using var model = StreamModel.Load(Fixtures.DemoModel, new() { DeviceBudget = MemoryBudget.FromBytes(5 << 20), ContextLength = 256 }, null, Token);
        var summary = new AccountSummary();
        Assert.Equal((null, null, 0, 0.0), (summary.Decoding, summary.Prompts, summary.Answers, summary.TotalRate));

        var results = await Task.WhenAll(Answer(model, Log, 40), Answer(model, Log + " again", 10));
        Array.ForEach(results, summary.Add);
        var (a, b, mean) = (results[0].Account, results[1].Account, summary.Decoding!);
        Assert.Equal((2, 50L), (summary.Answers, summary.TokenCount));
        Assert.Equal(a.Passes + b.Passes, mean.Passes);
        Assert.Equal((48.0 - results.Sum(r => r.AcceptedTokenCount)) / mean.Passes, mean.TokensPerPass - summary.AcceptedPerPass, 1e-9);
        Assert.InRange((mean.Duration - ((a.Duration * a.Passes) + (b.Duration * b.Passes)) / mean.Passes).Ticks, -2, 2);
        Assert.Equal((a.DeviceBytes, a.StorageBytes), (mean.DeviceBytes, mean.StorageBytes));
        Assert.Equal(results.Sum(r => r.PromptAccount!.Passes), summary.Prompts!.Passes);
        Assert.Equal(mean.Duration, mean.ComputeTime + mean.StorageStall + mean.LinkStall);
        Assert.Equal(50 / summary.Elapsed.TotalSeconds, summary.TotalRate, 1e-6);
    }

    [Fact]
    public async Task A_prompt_that_was_cut_short_counts_the_tokens_of_the_passes_that_count()
    {
        var device = new AsyncFakeDevice(mostCopyDelayMicroseconds: 2_000);
        var options = new ModelOptions { ContextLength = 512, KvTokens = 512, BlockSize = 32 * 1024, QueueDepth = 3 };
        var least = Assert.Throws<BudgetException>(
            () => StreamModel.PlanOn(Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(0) }, () => new AsyncFakeDevice())).LeastBytes;
        using var model = StreamModel.LoadOn(Fixtures.DemoModel, options with { DeviceBudget = MemoryBudget.FromBytes(least) }, () => device, null, Token);
        var prompt = string.Join(' ', Enumerable.Repeat(Log, 9));
        for (var delay = 30; delay < 200; delay += 35)
        {
            using var cancel = new CancellationTokenSource(delay);
            var result = await model.SubmitAsync(new() { Prompt = prompt, MaxTokens = 1 }, cancel.Token);
            if (result.PromptAccount is { } account && result.FinishReason == FinishReason.Cancelled && result.TokenCount == 0)
            {
                Assert.Equal(account.Passes * model.Plan.PassRows, account.TokensPerPass * account.Passes, 1e-6);
            }
        }
    }

    static void Check(StreamModel model, InferenceResult result)
    {
        Assert.Equal(result.Passes, result.Account.Passes + result.PromptAccount!.Passes);
        Assert.Equal(result.TokenCount - 1, result.Account.TokensPerPass * result.Account.Passes, 1e-9);
        Assert.Equal(result.PromptTokenCount, result.PromptAccount.TokensPerPass * result.PromptAccount.Passes, 1e-9);
        Assert.Equal((result.Account.BoundRate, result.Account.BindingTerm), (result.BoundRate, result.BindingTerm));
        Assert.Equal(result.Passes * model.BytesPerPass, result.BytesStreamed);
        Assert.Equal(result.Passes * model.Plan.HostBytes, result.BytesFromHost);
        foreach (var account in (PassAccount[])[result.Account, result.PromptAccount])
        {
            Assert.Equal((model.Plan.ResidentBytes, model.Plan.HostBytes, model.BytesPerPass), (account.DeviceBytes, account.HostBytes, account.StorageBytes));
            Assert.Equal(account.Duration, account.ComputeTime + account.StorageStall + account.LinkStall);
            Assert.True(account.ComputeTime > TimeSpan.Zero && account.Rate > 0);
            Assert.True(account.ReadTime <= account.Duration + account.TimeBetween, account.ToString());

            var longest = Math.Max(account.ReadTime.TotalSeconds, Math.Max(account.LinkTime.TotalSeconds, account.ComputeTime.TotalSeconds));
            Assert.Equal(account.TokensPerPass / longest, account.BoundRate, account.BoundRate * 0.001);
        }

        // What was reached can be reached.
        Assert.InRange(result.Account.Rate, 0, result.BoundRate * 1.000001);
    }

    static Task<InferenceResult> Answer(StreamModel model, string prompt, int tokens) => model.SubmitAsync(
        new() { Prompt = prompt, MaxTokens = tokens, Sampling = new() { Temperature = 0 } }, Token);

    static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
