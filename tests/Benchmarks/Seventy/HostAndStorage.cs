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
        await section.Part("sequences", async () =>
        {
            // A pass takes seconds, nearly all of them reading: nothing has to warm up.
            using var session = scenario.Load("sequences", scenario.Scaled(HostBudget), RouteKind.HostStaged);
            plan = session.Model.Plan;
            for (var round = 0; round < bench.Few(3); round++)
            {
                one.Add((await session.Run(Prompt, Tokens)).Decode);
                if (round < bench.Few(2))
                {
                    together.Add((await session.Run(Prompt, Tokens, Sequences)).Decode);
                }
            }
        });
        var (ones, togethers) = (one.Close(), together.Close());
        await scenario.End();
        if (ones is not null && plan is not null)
        {
            section.Require(Check.AtLeast("one sequence / bound", ones.Median / scenario.Bound(plan), TargetOfBound));
        }

        if (ones is not null && togethers is not null)
        {
            section.Require(Check.AtLeast($"{Sequences} sequences together / one", togethers.Median / ones.Median, TargetTogether));
        }

        return section;
    }
}
