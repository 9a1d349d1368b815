using System.Management.Automation;
using NvStream.Inference;
using NvStream.Streaming;

namespace NvStream.Commands;

/// <summary>Loads a model on a worker thread and shows how it goes.</summary>
sealed class ModelLoader(Cmdlet cmdlet, WorkerPump pump, CancellationToken stopping)
{
    /// <exception cref="NvStreamException">The model cannot be had.</exception>
    /// <exception cref="OperationCanceledException">The pipeline stops; what was allocated is freed.</exception>
    public StreamModel Load(string path, ModelOptions options)
    {
        var display = new ProgressDisplay(cmdlet, pump, $"Importing {options.Name}");
        StreamModel? model = null;
        try
        {
            model = pump.Run(
                () => StreamModel.Load(path, options, new LoadReporter(display), stopping),
                abandoned: late => late.Dispose());
            display.End();
            Explain(model);
            return model;
        }
        catch
        {
            // Every Write* throws once the pipeline stops; nobody else knows of the model yet.
            model?.Dispose();
            if (!stopping.IsCancellationRequested)
            {
                display.End();
            }

            throw;
        }
    }

    /// <summary>What the plan takes of each memory, use by use, and what moves every pass: a line each.</summary>
    public static IEnumerable<string> Describe(ResidencyPlan plan)
    {
        yield return $"{Human.Bytes(plan.TotalBytes)} of {Human.Bytes(plan.DeviceBudget)} device memory: " + string.Join(", ", Uses());
        if (plan.HostBytes > 0)
        {
            yield return $"{Human.Bytes(plan.HostBytes + plan.StagingBytes)} of {Human.Bytes(plan.HostBudget)} page-locked host memory: "
                + $"{Human.Bytes(plan.HostBytes)} for {Layers(Tier.Host)}"
                + (plan.StagingBytes > 0 ? $", {Human.Bytes(plan.StagingBytes)} to read ahead into" : "");
        }

        var moves = plan.BytesPerPass + plan.HostBytes > 0 ? string.Join(", ", Moves()) : "nothing moves";
        yield return $"every pass: {moves}";

        IEnumerable<string> Uses()
        {
            yield return $"{Human.Bytes(plan.ResidentBytes)} for {Layers(Tier.Device, "resident ")}";
            if (plan.SlotCount > 0)
            {
                yield return $"{Human.Bytes(plan.SlotsBytes)} for {plan.SlotCount} slots of the belt";
            }

            yield return $"{Human.Bytes(plan.KvBytes)} for a KV cache of {plan.KvTokens} tokens";
            yield return $"{Human.Bytes(plan.WorkspaceBytes)} of work space for chunks of {plan.PassRows} rows";
            if (plan.CompanionBytes > 0)
            {
                yield return $"{Human.Bytes(plan.CompanionBytes)} for the draft model";
            }
        }

        IEnumerable<string> Moves()
        {
            if (plan.BytesPerPass > 0)
            {
                yield return $"{Human.Bytes(plan.BytesPerPass)} of {Layers(Tier.Storage)} from storage";
            }

            if (plan.HostBytes > 0)
            {
                yield return $"{Human.Bytes(plan.HostBytes)} of {Layers(Tier.Host)} from host memory";
            }
        }

        string Layers(Tier tier, string kind = "") => plan.Layers.Count(l => l.Tier == tier) is var count && count == 1
            ? $"1 {kind}layer"
            : $"{count} {kind}layers";
    }

    void Explain(StreamModel model)
    {
        foreach (var line in Describe(model.Plan))
        {
            cmdlet.WriteVerbose($"{model.Name}: {line}.");
        }

        cmdlet.WriteVerbose($"{model.Name}: device {model.Device}, route {model.Route}: {model.RouteReason}");
        cmdlet.WriteVerbose($"{model.Name}: loaded in {Human.Time(model.LoadTime)}.");
    }
}
