using System.Diagnostics;
using System.Management.Automation;
using NvStream.Inference;
using NvStream.Streaming;

namespace NvStream.Commands;

/// <summary>Loads a model on a worker thread and shows how it goes.</summary>
sealed class ModelLoader(Cmdlet cmdlet, WorkerPump pump, CancellationToken stopping)
{
    const int ProgressId = 0x4E56;
    static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    /// <exception cref="NvStreamException">The model cannot be had.</exception>
    /// <exception cref="OperationCanceledException">The pipeline stops; what was allocated is freed.</exception>
    public StreamModel Load(string path, ModelOptions options)
    {
        var activity = $"Importing {options.Name}";
        StreamModel? model = null;
        try
        {
            model = pump.Run(
                () => StreamModel.Load(path, options, new Reporter(this, activity), stopping),
                abandoned: late => late.Dispose());
            ShowEnd(activity);
            Explain(model);
            return model;
        }
        catch
        {
            // Every Write* throws once the pipeline stops; nobody else knows of the model yet.
            model?.Dispose();
            if (!stopping.IsCancellationRequested)
            {
                ShowEnd(activity);
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

    void ShowEnd(string activity) => cmdlet.WriteProgress(new(ProgressId, activity, "Done") { RecordType = ProgressRecordType.Completed });

    // From the loading thread, which never waits for the pipeline thread: a report may be lost.
    void ShowSoon(string activity, LoadProgress progress) => pump.TryPost(() => Show(activity, progress));

    void Show(string activity, LoadProgress progress)
    {
        var record = new ProgressRecord(
            ProgressId, activity,
            $"{progress.Activity}: {Human.Bytes(progress.BytesDone)} of {Human.Bytes(progress.BytesTotal)}, {Human.ByteRate(progress.BytesPerSecond)}");
        if (progress.BytesTotal > 0)
        {
            record.PercentComplete = (int)Math.Clamp(100 * progress.BytesDone / progress.BytesTotal, 0, 100);
        }

        if (progress.BytesPerSecond > 0)
        {
            record.SecondsRemaining = (int)Math.Min(int.MaxValue, (progress.BytesTotal - progress.BytesDone) / progress.BytesPerSecond);
        }

        cmdlet.WriteProgress(record);
    }

    /// <summary>Runs on the loading thread: lets a report through five times a second, and never makes loading wait.</summary>
    sealed class Reporter(ModelLoader loader, string activity) : IProgress<LoadProgress>
    {
        long _last;

        public void Report(LoadProgress value)
        {
            if (_last == 0 || Stopwatch.GetElapsedTime(_last) >= ProgressInterval)
            {
                _last = Stopwatch.GetTimestamp();
                loader.ShowSoon(activity, value);
            }
        }
    }
}
