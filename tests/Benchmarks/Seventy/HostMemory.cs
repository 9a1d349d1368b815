using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks.Seventy;

/// <summary>All that the card cannot hold lies in page-locked host memory: the link decides.</summary>
static class HostMemory
{
    const long HostBudget = 64L << 30;
    const double TargetOfBound = 0.90;
    const double TargetPrefill = 400;
    const double TargetTogether = 7;
    const double TargetDrafted = 1.1;
    const int Prompt = 16;
    const int Tokens = 32;
    const int Sequences = 8;
    const int PrefillTokens = 512;
    const int Drafted = 8;
    const int Passes = 5;

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("seventy-a", $"{bench.LargeShape}-shaped Q4_K_M under 24 GB, the rest in host memory");
        using var scenario = await Scenario.Begin(section, bench);
        var host = scenario.Scaled(HostBudget);
        var one = new Series(section, $"decode of {Tokens} tokens, one sequence", "tok/s");
        var together = new Series(section, $"decode of {Tokens} tokens, {Sequences} sequences together", "tok/s");
        var prefill = new Series(section, $"prefill of {PrefillTokens} tokens", "tok/s");
        ResidencyPlan? plan = null;
        await section.Part("sequences", async () =>
        {
            using var session = scenario.Load("sequences", host, RouteKind.HostStaged);
            plan = session.Model.Plan;
            for (var round = -1; round < bench.Few(3); round++)
            {
                var (a, b, c) = (await session.Run(Prompt, Tokens), await session.Run(Prompt, Tokens, Sequences), await session.Run(PrefillTokens, 0));
                if (round >= 0)
                {
                    one.Add(a.Decode);
                    together.Add(b.Decode);
                    prefill.Add(c.Prefill);
                    scenario.Note("account of one sequence", a);
                }
            }
        });
        var (ones, togethers, prefills) = (one.Close(), together.Close(), prefill.Close());
        await section.Part("drafted tokens", () =>
        {
            using var passes = scenario.LoadPasses(host, RouteKind.HostStaged);
            Verify(section, bench, passes);
            return Task.CompletedTask;
        });
        await scenario.End();
        if (ones is not null && plan is not null)
        {
            section.Require(Check.AtLeast("one sequence / bound", ones.Median / scenario.Bound(plan), TargetOfBound));
        }

        if (ones is not null && togethers is not null)
        {
            section.Require(Check.AtLeast($"{Sequences} sequences together / one", togethers.Median / ones.Median, TargetTogether));
        }

        if (prefills is not null)
        {
            section.Require(Check.AtLeast($"prefill of {PrefillTokens} tokens, tok/s", prefills.Median, TargetPrefill));
        }

        return section;
    }

    /// <summary>Passes that decode one token, and that verify eight behind it, by turns.</summary>
    static void Verify(Section section, Bench bench, PassHarness passes)
    {
        const int position = 64;
        var single = new Series(section, "pass of one token", "ms");
        var verifying = new Series(section, $"pass of one token and {Drafted} drafted", "ms");
        var count = bench.HasRepeats ? bench.Repeats : Passes;
        passes.Run(1, position, 0, isDecoding: false);
        for (var round = -1; round < count; round++)
        {
            var (a, b) = (passes.Time(1, 1, position, isDecoding: true), passes.Time(1, 1 + Drafted, position, isDecoding: true));
            if (round >= 0)
            {
                single.Add(a.TotalMilliseconds);
                verifying.Add(b.TotalMilliseconds);
            }
        }

        var (one, more) = (single.Close()!, verifying.Close()!);
        section.Require(Check.AtMost($"pass with {Drafted} drafted tokens / pass of one", more.Median / one.Median, TargetDrafted));
    }
}
