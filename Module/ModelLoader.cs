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
                () => StreamModel.Load(path, options, new Reporter(display), stopping),
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

    /// <summary>What the plan takes of the device's memory, in one line.</summary>
    public static string Describe(ResidencyPlan plan) =>
        $"{Human.Bytes(plan.TotalBytes)} of a budget of {Human.Bytes(plan.DeviceBudget)}: "
        + $"{Human.Bytes(plan.ResidentBytes)} for {plan.Layers.Count(l => l.Tier == Tier.Device)} resident layers, "
        + $"{Human.Bytes(plan.SlotsBytes)} for {plan.SlotCount} slots of the belt, "
        + $"{Human.Bytes(plan.KvBytes)} for a KV cache of {plan.KvTokens} tokens, "
        + $"{Human.Bytes(plan.WorkspaceBytes)} of work space; "
        + $"{Human.Bytes(plan.BytesPerPass)} streamed every pass"
        + (plan.HostBytes == 0 ? "" : $", {Human.Bytes(plan.HostBytes)} copied from {plan.Layers.Count(l => l.Tier == Tier.Host)} layers in host memory");

    void Explain(StreamModel model)
    {
        cmdlet.WriteVerbose($"{model.Name}: {Describe(model.Plan)}.");
        cmdlet.WriteVerbose($"{model.Name}: device {model.Device}, route {model.Route}: {model.RouteReason}");
        cmdlet.WriteVerbose($"{model.Name}: loaded in {Human.Time(model.LoadTime)}.");
    }

    sealed class Reporter(ProgressDisplay display) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => display.Report(value.Activity, value.BytesDone, value.BytesTotal, value.BytesPerSecond);
    }
}
