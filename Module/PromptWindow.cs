using System.Management.Automation;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>
/// The prompts that are being answered: up to <paramref name="size"/> at a time, written in the order they came, each
/// as soon as it and all before it are done. Used on the pipeline thread.
/// </summary>
sealed class PromptWindow(StreamCmdlet cmdlet, WorkerPump pump, StreamModel model, int size, bool isLive, CancellationToken stopping)
{
    readonly Queue<Answer> _answers = new();
    readonly AccountSummary _summary = new();

    /// <summary>Hands in a prompt, waiting for the oldest answer where the window is full, and writes what is ready.</summary>
    public void Submit(GenerationRequest request)
    {
        while (_answers.Count >= size)
        {
            WriteNext();
        }

        var text = isLive ? new LiveText(pump) : null;
        _answers.Enqueue(new(request, model.SubmitAsync(request with { OnText = text is null ? null : text.Append }, stopping), text));
        while (_answers.TryPeek(out var oldest) && oldest.Task.IsCompleted)
        {
            WriteNext();
        }

        ShowText();
    }

    /// <summary>Waits for and writes all that is left, and says what all of it took.</summary>
    public void Finish()
    {
        while (_answers.Count > 0)
        {
            WriteNext();
        }

        foreach (var line in AccountTable.Lines(model, _summary))
        {
            cmdlet.WriteVerbose(line);
        }
    }

    /// <summary>After cancellation: lets requests leave the scheduler, so that the next call finds it free.</summary>
    public void Settle() => WorkerPump.Settle(_answers.Select(a => a.Task));

    void WriteNext()
    {
        var answer = _answers.Peek();
        pump.WaitFor(answer.Task, ShowText);
        ShowText();
        _answers.Dequeue();
        answer.Text?.End(cmdlet);
        if (answer.Task.Exception?.InnerException is { } error)
        {
            cmdlet.WriteError(ErrorRecords.From(error, answer.Request.InputObject ?? answer.Request.Prompt));
            return;
        }

        var result = answer.Task.GetAwaiter().GetResult();
        _summary.Add(result);
        cmdlet.WriteDebug($"{result.PromptTokenCount} prompt tokens and {result.TokenCount} more in {result.Passes} passes: {result.FinishReason}, bound by {result.BindingTerm}.");
        cmdlet.WriteObject(result);
    }

    // Answers grow side by side; only the oldest one's text can be shown without mixing them.
    void ShowText()
    {
        if (_answers.TryPeek(out var oldest))
        {
            oldest.Text?.Show(cmdlet);
        }
    }

    sealed record Answer(GenerationRequest Request, Task<InferenceResult> Task, LiveText? Text);
}
