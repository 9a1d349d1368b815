namespace NvStream.Benchmarks;

/// <summary>Tokens per second with everything resident, against llama.cpp on the same file and cores.</summary>
static class Decode
{
    const double TargetRatio = 0.5;
    const int ShortPrompt = 16;
    const int Sequences = 8;

    /// <summary>Room for all sequences of the widest job.</summary>
    const int Cells = 4096;

    static readonly Job[] s_jobs =
    [
        new("decode 64 tokens", 128, 64, 1, IsDecode: true),
        new($"decode 32 tokens, {Sequences} sequences together", ShortPrompt, 32, Sequences, IsDecode: true),
        new("prefill 128 tokens", 128, 0, 1, IsDecode: false),
        new("prefill 512 tokens", 512, 0, 1, IsDecode: false),
    ];

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("decode", "resident 1.1B-shaped Q4_K_M, against llama.cpp (node-llama-cpp 3.22.1 prebuilt)");
        var path = Bench.Model();
        using var ours = new Session(path, bench, cells: Cells);
        using var peer = Peer.Install() is { } missing ? Skip(section, missing) : new Peer(path, bench);
        section.Notes.Add($"{bench.Threads} threads each, taking turns; weights read a pass: {ours.Model.Plan.ResidentBytes / 1e6:F0} MB");
        section.Notes.Add("ours counts sampling, the peer's figure does not");
        if (peer is not null)
        {
            section.Notes.Add($"peer: {peer.System}");
        }

        foreach (var job in s_jobs)
        {
            await Compare(section, bench, job, ours, peer);
        }

        return section;
    }

    static async Task Compare(Section section, Bench bench, Job job, Session ours, Peer? peer)
    {
        var (our, their) = (new double[bench.Repeats], new double[bench.Repeats]);
        for (var round = -1; round < bench.Repeats; round++)
        {
            var a = await ours.Run(job.Prompt, job.Decode, job.Sequences);
            var b = peer?.Run(job.Prompt, job.Decode, job.Sequences);

            // The first round warms up.
            if (round >= 0)
            {
                our[round] = job.IsDecode ? a.Decode : a.Prefill;
                their[round] = b is { } rates ? job.IsDecode ? rates.Decode : rates.Prefill : 0;
            }
        }

        var mine = section.Add($"{job.Name}, NvStream", "tok/s", our);
        if (peer is null)
        {
            return;
        }

        var theirs = section.Add($"{job.Name}, llama.cpp", "tok/s", their);
        var ratio = mine.Median / theirs.Median;
        if (job == s_jobs[0])
        {
            section.Checks.Add(Check.AtLeast($"{job.Name}: NvStream / llama.cpp", ratio, TargetRatio));
        }
        else
        {
            section.Notes.Add($"{job.Name}: NvStream / llama.cpp = {Table.Number(ratio)}");
        }
    }

    static Peer? Skip(Section section, string reason)
    {
        section.Skipped.Add($"the comparison with llama.cpp: {reason}");
        return null;
    }

    sealed record Job(string Name, int Prompt, int Decode, int Sequences, bool IsDecode);
}
