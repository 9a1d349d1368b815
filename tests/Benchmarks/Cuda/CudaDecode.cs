namespace NvStream.Benchmarks.Cuda;

/// <summary>The 8B shape resident on a GPU: decode, sequences together, prefill, against llama.cpp on the same file.</summary>
static class CudaDecode
{
    const double TargetDecode = 1.2;
    const double TargetPrefill = 0.5;
    const int Prompt = 32;
    const int DecodeTokens = 128;
    const int PrefillTokens = 512;
    const int Sequences = 8;

    public static async Task<Section> Measure(Bench bench)
    {
        CudaBench.Open().Dispose();
        var section = new Section("cuda-decode", "resident 8B-shaped Q4_K_M, against llama.cpp built from source");
        var path = CudaBench.Model();
        var (one, many, prefill) = (new double[bench.Repeats], new double[bench.Repeats], new double[bench.Repeats]);
        using (var session = new Session(path, bench, cells: Sequences * 1024, device: "Cuda"))
        {
            section.Notes.Add($"weights read a pass: {session.Model.Plan.ResidentBytes / 1e6:F0} MB; sampling is counted");
            for (var round = -1; round < bench.Repeats; round++)
            {
                var a = await session.Run(Prompt, DecodeTokens);
                var b = await session.Run(Prompt, DecodeTokens, Sequences);
                var c = await session.Run(PrefillTokens, 0);
                if (round >= 0)
                {
                    (one[round], many[round], prefill[round]) = (a.Decode, b.Decode, c.Prefill);
                }
            }
        }

        var ours = (One: section.Add($"decode {DecodeTokens} tokens, NvStream", "tok/s", one),
            Many: section.Add($"decode, {Sequences} sequences together, NvStream", "tok/s", many),
            Prefill: section.Add($"prefill {PrefillTokens} tokens, NvStream", "tok/s", prefill));
        if (LlamaCpp.Find(out var missing) is not { } peer)
        {
            section.Skipped.Add($"the comparison with llama.cpp: {missing}");
            return section;
        }

        section.Notes.Add($"peer: {peer.Description}");
        var decoded = section.Add($"decode {DecodeTokens} tokens, llama.cpp", "tok/s", peer.Decode(path, DecodeTokens, bench.Repeats));
        var together = section.Add($"decode, {Sequences} sequences together, llama.cpp", "tok/s", peer.DecodeTogether(path, Prompt, DecodeTokens, Sequences));
        var prefilled = section.Add($"prefill {PrefillTokens} tokens, llama.cpp", "tok/s", peer.Prefill(path, PrefillTokens, bench.Repeats));
        section.Checks.Add(Check.AtLeast("decode: NvStream / llama.cpp", ours.One.Median / decoded.Median, TargetDecode));
        section.Checks.Add(Check.AtLeast($"{Sequences} sequences: NvStream / llama.cpp", ours.Many.Median / together.Median, TargetDecode));
        section.Checks.Add(Check.AtLeast("prefill: NvStream / llama.cpp", ours.Prefill.Median / prefilled.Median, TargetPrefill));
        return section;
    }
}
