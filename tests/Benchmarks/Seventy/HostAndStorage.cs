using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks.Seventy;

/// <summary>A little host memory, the rest on storage: the disk decides, and the link has to keep out of its way.</summary>
static class HostAndStorage
{
    const long HostBudget = 8L << 30;
    const double TargetOfBound = 0.90;
    const double TargetTogether = 7;
    const int Prompt = 16;
    const int Tokens = 6;
    const int Sequences = 8;

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("seventy-b", $"{bench.LargeShape}-shaped Q4_K_M under 24 GB, 8 GB in host memory, the rest on storage");
        using var scenario = await Scenario.Begin(section, bench);
        var one = new Series(section, $"decode of {Tokens} tokens, one sequence", "tok/s");
        var together = new Series(section, $"decode of {Tokens} tokens, {Sequences} sequences together", "tok/s");
        ResidencyPlan? plan = null;
        var share = new Series(section, "one sequence / bound by the disk's rate just before and after", "");
        await section.Part("sequences", async () =>
        {
            // A pass takes seconds, nearly all of them reading: nothing has to warm up.
            using var session = scenario.Load("sequences", scenario.Scaled(HostBudget), RouteKind.HostStaged);
            plan = session.Model.Plan;
            var before = await scenario.Rates.DiskNow();
            for (var round = 0; round < bench.Few(3); round++)
            {
                var run = await session.Run(Prompt, Tokens);
                var rate = run.Decode;
                scenario.Note("account of one sequence", run);
                var after = await scenario.Rates.DiskNow();
                one.Add(rate);
                share.Add(rate / scenario.Bound(plan, (before + after) / 2));
                if (round < bench.Few(2))
                {
                    together.Add((await session.Run(Prompt, Tokens, Sequences)).Decode);
                    after = await scenario.Rates.DiskNow();
                }

                before = after;
            }
        });
        var (ones, togethers, shares) = (one.Close(), together.Close(), share.Close());
        await scenario.End();
        if (shares is not null && plan is not null)
        {
            _ = scenario.Bound(plan);
            section.Require(Check.AtLeast("one sequence / bound", shares.Median, TargetOfBound));
        }

        if (ones is not null && togethers is not null)
        {
            section.Require(Check.AtLeast($"{Sequences} sequences together / one", togethers.Median / ones.Median, TargetTogether));
        }

        return section;
    }
}
