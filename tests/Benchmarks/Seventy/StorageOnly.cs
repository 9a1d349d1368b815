using NvStream.Storage;

namespace NvStream.Benchmarks.Seventy;

/// <summary>Nothing in host memory: bytes a second from storage against what the disk gives, by two routes.</summary>
static class StorageOnly
{
    const double Target = 0.90;
    const int Prompt = 16;
    const int Tokens = 4;

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("seventy-c", $"{bench.LargeShape}-shaped Q4_K_M under 24 GB, the rest on storage");
        using var scenario = await Scenario.Begin(section, bench);
        RouteKind[] routes = scenario.IsCpu ? [RouteKind.HostDirect] : [RouteKind.HostStaged, RouteKind.CuFileCompat];
        var found = new List<(RouteKind Route, Sample Rate)>();
        foreach (var route in routes)
        {
            var rate = new Series(section, $"{route}: streamed while one sequence decodes {Tokens} tokens", "GB/s");
            await section.Part($"{route}", async () =>
            {
                try
                {
                    using var session = scenario.Load($"{route}", 0, route);
                    for (var round = 0; round < bench.Few(2); round++)
                    {
                        rate.Add((await session.Run(Prompt, Tokens)).Decode * session.Model.BytesPerPass / 1e9);
                    }
                }
                catch (StorageException e) when (e.ErrorId == StorageException.RouteUnavailableId)
                {
                    section.Skipped.Add($"{route}: {e.Message}");
                }
            });
            if (rate.Close() is { } sample)
            {
                found.Add((route, sample));
            }
        }

        await scenario.End();
        foreach (var (route, rate) in found.Where(_ => scenario.Rates.Disk > 0))
        {
            section.Require(Check.AtLeast($"{route}: streamed / plain direct reads", rate.Median * 1e9 / scenario.Rates.Disk, Target));
        }

        return section;
    }
}
