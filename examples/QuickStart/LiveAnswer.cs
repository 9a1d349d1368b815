using System.Diagnostics;

namespace NvStream.Examples;

/// <summary>Shows an answer as it is made, under the line that it answers, and takes the time of its first text.</summary>
sealed class LiveAnswer(string log)
{
    /// <summary>From the start of the process, which Linux tells to a hundredth of a second, to the answer's first text.</summary>
    public TimeSpan FirstText { get; private set; }

    public void Write(string text)
    {
        if (FirstText == TimeSpan.Zero)
        {
            using var process = Process.GetCurrentProcess();
            FirstText = DateTime.Now - process.StartTime;
            text = log + Environment.NewLine + text;
        }

        Console.Write(text);
    }

    public void End()
    {
        if (FirstText > TimeSpan.Zero)
        {
            Console.WriteLine();
        }
    }
}
