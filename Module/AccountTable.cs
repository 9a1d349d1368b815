using System.Globalization;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>What -Verbose says of an invocation's passes: where bytes came from, how fast, what was waited for, and the bound.</summary>
static class AccountTable
{
    /// <summary>Lines of at most 100 columns; none where there was no answer.</summary>
    public static IEnumerable<string> Lines(StreamModel model, AccountSummary summary)
    {
        if ((summary.Decoding ?? summary.Prompts) is not { } account)
        {
            yield break;
        }

        yield return Text($"{model.Name}: {Count(summary.Answers, "answer", "answers")}, {Count(summary.TokenCount, "token", "tokens")} in {Human.Time(summary.Elapsed)}, {Human.TokenRate(summary.TotalRate)} together.");
        if (summary is { Decoding: not null, Prompts: { } prompts })
        {
            yield return Text($"Prompts: {prompts.TokensPerPass:0.#} tokens a pass, {Human.TokenRate(prompts.Rate)} of at most {Human.TokenRate(prompts.BoundRate)}, bound by {prompts.BindingTerm}.");
        }

        yield return Text($"{(summary.Decoding is null ? "Prompts" : "Decoding")}, means over {Count(account.Passes, "pass", "passes")}{(summary.Answers > 1 ? ", a shared pass counted for each answer" : "")}:");
        yield return Row("tier", "bytes a pass", "rate", "stalled a pass");
        yield return Row("device", Human.Bytes(account.DeviceBytes), "", "");
        yield return Row("host", Human.Bytes(account.HostBytes), "", "");
        yield return Row("NVMe", Human.Bytes(account.StorageBytes), Rate(account.StorageRate), Human.Latency(account.StorageStall));
        if (account.LinkRate > 0)
        {
            // Host and NVMe bytes share it.
            yield return Row("PCIe", Human.Bytes(account.HostBytes + account.StorageBytes), Rate(account.LinkRate), Human.Latency(account.LinkStall));
        }

        yield return Text($"A pass: {Human.Latency(account.Duration)}, of which {Human.Latency(account.ComputeTime)} compute; {Human.Latency(account.TimeBetween)} between passes.");
        yield return Text($"Tokens a pass: {account.TokensPerPass:0.00}{(summary.DraftedTokenCount == 0 ? "" : Text($", of which {summary.AcceptedPerPass:0.00} drafted: {summary.AcceptedTokenCount} of {summary.DraftedTokenCount} drafts were accepted"))}.");
        yield return Text($"Reached {Human.TokenRate(account.Rate)} of at most {Human.TokenRate(account.BoundRate)} an answer, bound by {account.BindingTerm}.");
    }

    static string Count(long count, string one, string more) => Text($"{count} {(count == 1 ? one : more)}");

    static string Rate(double bytesPerSecond) => bytesPerSecond > 0 ? Human.ByteRate(bytesPerSecond) : "-";

    static string Row(string tier, string bytes, string rate, string stalled) => $"  {tier,-8}{bytes,14}{rate,14}{stalled,18}".TrimEnd();

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
