using System.Diagnostics;

namespace NvStream.MakeModel;

/// <summary>One line on stderr, rewritten five times a second; nothing of it where stderr is no terminal.</summary>
sealed class ConsoleProgress(long total) : IProgress<long>
{
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(200);

    readonly Stopwatch _clock = Stopwatch.StartNew();
    TimeSpan _next = s_interval;
    bool _lineIsOpen;

    public void Report(long value)
    {
        if (Console.IsErrorRedirected || _clock.Elapsed < _next)
        {
            return;
        }

        _next = _clock.Elapsed + s_interval;
        var rate = value / _clock.Elapsed.TotalSeconds;
        var left = TimeSpan.FromSeconds((total - value) / rate);
        _lineIsOpen = true;
        Console.Error.Write($"\r{Gigabytes(value)} of {Gigabytes(total)}, {Gigabytes((long)rate)}/s, {left:h\\:mm\\:ss} left  ");
    }

    /// <summary>What comes next on stderr begins a line of its own.</summary>
    public void EndLine()
    {
        if (_lineIsOpen)
        {
            Console.Error.WriteLine();
        }
    }

    public string Summary(bool sparse)
    {
        var seconds = Math.Max(_clock.Elapsed.TotalSeconds, 1e-3);
        var how = sparse ? "left as a hole" : $"in {seconds:F1} s, {Gigabytes((long)(total / seconds))}/s";
        return $"{Gigabytes(total)} of weights {how}";
    }

    static string Gigabytes(long bytes) => $"{bytes / 1e9:F2} GB";
}
