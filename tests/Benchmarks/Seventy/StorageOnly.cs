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
        var found = new List<(RouteKind Route, Sample Share)>();
        foreach (var route in routes)
        {
            var rate = new Series(section, $"{route}: streamed while one sequence decodes {Tokens} tokens", "GB/s");
            var share = new Series(section, $"{route}: streamed / plain direct reads just before and after", "");
            await section.Part($"{route}", async () =>
            {
                try
                {
                    using var session = scenario.Load($"{route}", 0, route);
                    var before = await scenario.Rates.DiskNow();
                    for (var round = 0; round < bench.Few(2); round++)
                    {
                        var run = await session.Run(Prompt, Tokens);
                        var streamed = run.Decode * session.Model.BytesPerPass;
                        scenario.Note($"{route}: account", run);
                        var after = await scenario.Rates.DiskNow();
                        rate.Add(streamed / 1e9);
                        share.Add(streamed / ((before + after) / 2));
                        before = after;
                    }
                }
                catch (StorageException e) when (e.ErrorId == StorageException.RouteUnavailableId)
                {
                    section.Skipped.Add($"{route}: {e.Message}");
                }
            });
            _ = rate.Close();
            if (share.Close() is { } sample)
            {
                found.Add((route, sample));
            }
        }

        await scenario.End();
        foreach (var (route, share) in found)
        {
            section.Require(Check.AtLeast($"{route}: streamed / plain direct reads", share.Median, Target));
        }

        return section;
    }
}
