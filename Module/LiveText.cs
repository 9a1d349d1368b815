using System.Management.Automation;
using System.Text;

namespace NvStream.Commands;

/// <summary>
/// An answer's text on its way from the scheduler's thread to the information stream. What has not been shown yet is
/// held, not queued: the scheduler never waits for the pipeline thread, and the memory is that of the answer itself.
/// </summary>
sealed class LiveText(WorkerPump pump)
{
    // PSHOST makes the host print it without -InformationAction, as Write-Host does.
    static readonly string[] Tags = ["PSHOST", "NvStream"];

    readonly Lock _gate = new();
    readonly StringBuilder _held = new();
    bool _any;

    /// <summary>On the scheduler's thread.</summary>
    public void Append(string text)
    {
        lock (_gate)
        {
            _held.Append(text);
        }

        pump.Wake();
    }

    /// <summary>On the pipeline thread.</summary>
    public void Show(Cmdlet cmdlet)
    {
        string text;
        lock (_gate)
        {
            text = _held.ToString();
            _held.Clear();
        }

        if (text.Length > 0)
        {
            _any = true;
            Write(cmdlet, text, noNewLine: true);
        }
    }

    /// <summary>On the pipeline thread, when all is shown: ends the line.</summary>
    public void End(Cmdlet cmdlet)
    {
        if (_any)
        {
            Write(cmdlet, "", noNewLine: false);
        }
    }

    static void Write(Cmdlet cmdlet, string text, bool noNewLine) =>
        cmdlet.WriteInformation(new HostInformationMessage { Message = text, NoNewLine = noNewLine }, Tags);
}
