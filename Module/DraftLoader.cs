using System.Management.Automation;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Gives a loaded model another that drafts for it, on a worker thread, and shows how it goes.</summary>
sealed class DraftLoader(Cmdlet cmdlet, WorkerPump pump, CancellationToken stopping)
{
    /// <param name="draft">File of the model that drafts; nothing happens where it drafts already.</param>
    /// <exception cref="NvStreamException">It cannot be had.</exception>
    /// <exception cref="OperationCanceledException">The pipeline stops; what was allocated is freed.</exception>
    public void Attach(StreamModel model, string draft)
    {
        var display = new ProgressDisplay(cmdlet, pump, $"Importing a draft model for {model.Name}");
        try
        {
            pump.Run(() =>
            {
                model.AttachDraft(draft, new LoadReporter(display), stopping);
                return true;
            });
        }
        finally
        {
            if (!stopping.IsCancellationRequested)
            {
                display.End();
            }
        }

        cmdlet.WriteVerbose($"{model.Name}: '{model.DraftModel}' drafts.");
    }
}
