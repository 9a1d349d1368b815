namespace NvStream.Benchmarks.Cpu;

/// <summary>What was measured of one type becomes samples, checks, rows of a table, and a line about each target missed.</summary>
/// <param name="weightBytes">Bytes of the weights that a pass reads.</param>
/// <param name="weights">Their number: multiply-adds that a token takes with all of them.</param>
/// <param name="head">Those of the output head, which a prompt takes once.</param>
sealed class CpuResults(Section section, Table table, string type, Peaks peaks, long weightBytes, long weights, long head)
{
    const double TargetPeer = 1.0;
    const double TargetTogether = 4;
    const double TargetRead = 0.90;

    public void AddPrefill(int tokens, Pair rates)
    {
        var what = $"prefill of {tokens} tokens";
        var ours = Compare(what, rates, TargetPeer, out var isMet);
        if (!isMet)
        {
            var prompts = ours.Median / tokens;
            Explain(what, prompts * weightBytes, prompts * ((weights - head) * tokens + head));
        }
    }

    /// <returns>Ours, in tokens per second.</returns>
    public Sample AddDecode(int tokens, Pair rates)
    {
        var what = $"decode of {tokens} tokens";
        var ours = Compare(what, rates, TargetPeer, out var isMet);
        var read = ours.Median * weightBytes / 1e9;
        var reads = Check.AtLeast($"{type}, weight bytes of decode / read loop", read / peaks.Read, TargetRead);
        AddRow("weight bytes of decode / read loop", $"{Table.Number(read)} GB/s", $"{Table.Number(peaks.Read)} GB/s", reads);
        if (!isMet || !reads.IsMet)
        {
            Explain(what, ours.Median * weightBytes, ours.Median * weights);
        }

        return ours;
    }

    public void AddTogether(int sequences, Pair rates, Sample one)
    {
        var what = $"decode, {sequences} sequences together";
        var ours = Compare(what, rates, target: null, out _);
        var times = Check.AtLeast($"{type}, {sequences} sequences together / one", ours.Median / one.Median, TargetTogether);
        AddRow($"{sequences} sequences together / one", $"{Table.Number(ours.Median)} tok/s", $"{Table.Number(one.Median)} tok/s", times);
        if (!times.IsMet)
        {
            Explain(what, ours.Median / sequences * weightBytes, ours.Median * weights);
        }
    }

    /// <summary>Ours against the peer's, which may be missing.</summary>
    Sample Compare(string what, Pair rates, double? target, out bool isMet)
    {
        isMet = true;
        var ours = section.Add($"{type}, {what}, NvStream", "tok/s", rates.Ours);
        var our = $"{Table.Number(ours.Median)} tok/s";
        if (rates.Theirs.Count == 0)
        {
            table.Add(type, what, our, "", "", "", "");
            return ours;
        }

        var theirs = section.Add($"{type}, {what}, llama.cpp", "tok/s", rates.Theirs);
        var (ratio, their) = (ours.Median / theirs.Median, $"llama.cpp {Table.Number(theirs.Median)}");
        if (target is not { } least)
        {
            table.Add(type, what, our, their, Table.Number(ratio), "", "");
            return ours;
        }

        var check = Check.AtLeast($"{type}, {what}: NvStream / llama.cpp", ratio, least);
        isMet = check.IsMet;
        AddRow(what, our, their, check);
        return ours;
    }

    void AddRow(string what, string ours, string other, Check check)
    {
        section.Checks.Add(check);
        table.Add(type, what, ours, other, Table.Number(check.Value), $"at least {Table.Number(check.Target)}", check.IsMet ? "yes" : "NO");
    }

    /// <summary>How near a rate that is too low comes to what memory and arithmetic could do.</summary>
    void Explain(string what, double bytes, double products)
    {
        var arithmetic = peaks.ByteProducts is { } most
            ? $", {products / 1e9 / most:P0} of the {Table.Number(most)} that registers alone do ({RegisterLoops.ByteProductsName})"
            : "";
        section.Conclusions.Add(
            $"{type}, {what}: weights at {Table.Number(bytes / 1e9)} GB/s, {bytes / 1e9 / peaks.Read:P0} of the read loop's {Table.Number(peaks.Read)}; "
            + $"{Table.Number(products / 1e9)} G multiply-adds/s{arithmetic}");
    }
}
