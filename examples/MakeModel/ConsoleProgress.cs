using System.Diagnostics;

namespace NvStream.MakeModel;

/// <summary>One line on stderr, rewritten five times a second; nothing of it where stderr is no terminal.</summary>
sealed class ConsoleProgress(long total) : IProgress<long>
{
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(200);

    readonly Stopwatch _clock = Stopwatch.StartNew();
    TimeSpan _next = s_interval;

    public void Report(long value)
    {
        if (Console.IsErrorRedirected || _clock.Elapsed < _next)
        {
            return;
        }

        _next = _clock.Elapsed + s_interval;
        var rate = value / _clock.Elapsed.TotalSeconds;
        var left = TimeSpan.FromSeconds((total - value) / rate);
        Console.Error.Write($"\r{Gigabytes(value)} of {Gigabytes(total)}, {Gigabytes((long)rate)}/s, {left:h\\:mm\\:ss} left  ");
    }

    /// <summary>Ends the line and says what came of it.</summary>
    public void Finish(IReadOnlyList<string> files, bool sparse)
    {
        var seconds = Math.Max(_clock.Elapsed.TotalSeconds, 1e-3);
        var rate = sparse ? "sparse" : $"{Gigabytes((long)(total / seconds))}/s";
        Console.Error.WriteLine($"{(Console.IsErrorRedirected ? "" : "\r")}{Gigabytes(total)} in {seconds:F1} s, {rate}          ");
        foreach (var file in files)
        {
            Console.WriteLine(file);
        }
    }

    static string Gigabytes(long bytes) => $"{bytes / 1e9:F2} GB";
}
