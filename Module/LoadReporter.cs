using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Shows how far loading has come.</summary>
sealed class LoadReporter(ProgressDisplay display) : IProgress<LoadProgress>
{
    public void Report(LoadProgress value) => display.Report(value.Activity, value.BytesDone, value.BytesTotal, value.BytesPerSecond);
}
