namespace NvStream.Benchmarks.Cpu;

/// <summary>
/// Rates of the CPU device with everything resident, type by type: against llama.cpp on the same file and cores, and
/// against what the machine's memory gives to a loop that only reads.
/// </summary>
static class CpuInference
{
    const int Sequences = 8;

    /// <summary>Room for all sequences of the widest job.</summary>
    const int Cells = 4096;

    /// <summary>Share of the processors that other programs may take before the figures say more of them than of these.</summary>
    const double MostBystanders = 0.05;

    static readonly string[] s_types = ["Q4_K_M", "Q8_0", "Q6_K", "Q4_0"];

    // Lengths of one job make one shape of the peer's context, which is made in the round that warms up.
    static readonly Job s_short = new(128, 64, 1);
    static readonly Job s_long = new(512, 0, 1);
    static readonly Job s_together = new(16, 32, Sequences);

    public static async Task<Section> Measure(Bench bench)
    {
        var section = new Section("cpu", "1.1B-shaped models resident in memory, against llama.cpp (node-llama-cpp 3.22.1 prebuilt)");
        var missing = Peer.Install();
        section.Notes.Add($"{bench.Threads} threads each, taking turns, the first of a round by turns too; medians of {bench.Repeats} after a round that warms up");
        section.Notes.Add("Q4_K_M is llama-quantize's mix (head, half of attn_v and ffn_down in Q6_K); of the others every weight is of that type,");
        section.Notes.Add("  which for Q8_0 and Q6_K is llama-quantize's choice too, while it keeps the head of a Q4_0 file in Q6_K");
        section.Notes.Add($"decode is that of {s_short.Decode} tokens after {s_short.Prompt}; {Sequences} sequences: {s_together.Decode} tokens each after {s_together.Prompt}, all in one pass");
        section.Notes.Add("ours counts sampling, the peer's figure does not");
        if (missing is not null)
        {
            section.Skipped.Add($"the comparison with llama.cpp: {missing}");
        }

        using var loop = new ReadLoop(bench.Threads);
        var table = section.AddTable(textColumns: 2, "type", "what", "NvStream", "beside it", "ratio", "target", "met");
        foreach (var type in s_types)
        {
            await Measure(section, table, bench, loop, type, hasPeer: missing is null);
        }

        return section;
    }

    static async Task Measure(Section section, Table table, Bench bench, ReadLoop loop, string type, bool hasPeer)
    {
        var path = Bench.Model(type);
        Console.Error.WriteLine($"measuring {Path.GetFileName(path)}, minutes");
        var peaks = new Peaks(loop, bench.Threads);
        using var ours = new Session(path, bench, cells: Cells);
        using var peer = hasPeer ? new Peer(path, bench) : null;
        if (peer is not null && type == s_types[0])
        {
            section.Notes.Add($"peer: {peer.System}");
        }

        var bystanders = new Bystanders(() => Environment.CpuUsage.TotalTime + (peer?.ProcessorTime ?? TimeSpan.Zero));
        var one = await Alternate(bench, s_short, ours, peer, peaks);
        var prompt = await Alternate(bench, s_long, ours, peer, peaks);
        var together = await Alternate(bench, s_together, ours, peer, peaks);
        peaks.AddTo(section, $"{type}: ");
        if (bystanders.Share is { } share)
        {
            section.Notes.Add($"{type}: other programs took {share:P1} of the processors meanwhile{(share > MostBystanders ? ": a busy machine, these figures do not count" : "")}");
        }

        var head = (long)Bench.Shape.VocabularySize * Bench.Shape.EmbeddingLength;
        var demand = ours.Model.Demand;
        var results = new CpuResults(
            section, table, type, peaks, demand.WeightBytes, demand.Weights.Sum(w => (long)w.Rows * w.Columns * w.Count), head);
        results.AddPrefill(s_short.Prompt, one.Prefill);
        results.AddPrefill(s_long.Prompt, prompt.Prefill);
        var decode = results.AddDecode(s_short.Decode, one.Decode);
        results.AddTogether(Sequences, together.Decode, decode);
    }

    /// <summary>Rates of both programs, in tokens per second; the peer's are empty where there is none.</summary>
    static async Task<(Pair Prefill, Pair Decode)> Alternate(Bench bench, Job job, Session ours, Peer? peer, Peaks peaks)
    {
        var (prefill, decode) = (new Pair([], []), new Pair([], []));
        for (var round = -1; round < bench.Repeats; round++)
        {
            var theirs = round % 2 != 0 ? peer?.Run(job.Prompt, job.Decode, job.Sequences) : null;
            var rates = await ours.Run(job.Prompt, job.Decode, job.Sequences);
            theirs ??= peer?.Run(job.Prompt, job.Decode, job.Sequences);
            if (round < 0)
            {
                continue;
            }

            peaks.Measure();
            prefill.Ours.Add(rates.Prefill);
            decode.Ours.Add(rates.Decode);
            if (theirs is { } their)
            {
                prefill.Theirs.Add(their.Prefill);
                decode.Theirs.Add(their.Decode);
            }
        }

        return (prefill, decode);
    }

    /// <param name="Prompt">Tokens of each sequence's prompt.</param>
    /// <param name="Decode">Tokens decoded after it, by each sequence.</param>
    sealed record Job(int Prompt, int Decode, int Sequences);
}

/// <summary>The same measured of both programs.</summary>
sealed record Pair(List<double> Ours, List<double> Theirs);
