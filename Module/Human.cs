using System.Globalization;

namespace NvStream.Commands;

/// <summary>How views print what properties hold as numbers. Units are powers of 1024, as PowerShell's own.</summary>
public static class Human
{
    static readonly string[] Units = ["B", "KB", "MB", "GB", "TB", "PB"];

    /// <summary>"4.2 MB".</summary>
    public static string Bytes(double bytes)
    {
        var unit = 0;
        while (Math.Abs(bytes) >= 1024 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return Format(unit == 0 ? "{0:0} {1}" : "{0:0.0} {1}", bytes, Units[unit]);
    }

    /// <summary>"1.3 GB/s".</summary>
    public static string ByteRate(double bytesPerSecond) => Bytes(bytesPerSecond) + "/s";

    /// <summary>"21.4 t/s".</summary>
    public static string TokenRate(double tokensPerSecond) => Format("{0:0.0} t/s", tokensPerSecond);

    /// <summary>"7.1 M", "8.0 B": parameters.</summary>
    public static string Count(double count) => count switch
    {
        >= 1e9 => Format("{0:0.0} B", count / 1e9),
        >= 1e6 => Format("{0:0.0} M", count / 1e6),
        _ => Format("{0:0}", count),
    };

    /// <summary>"85 ms", "1.3 s", "2:05".</summary>
    public static string Time(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => Format("{0:0} ms", time.TotalMilliseconds),
        { TotalMinutes: < 1 } => Format("{0:0.0} s", time.TotalSeconds),
        { TotalHours: < 1 } => time.ToString(@"m\:ss", CultureInfo.InvariantCulture),
        _ => time.ToString(@"d\.hh\:mm\:ss", CultureInfo.InvariantCulture),
    };

    /// <summary>"85 µs", "4.2 ms", "1.3 s": of one read.</summary>
    public static string Latency(TimeSpan time) => time switch
    {
        { TotalMilliseconds: < 1 } => Format("{0:0} µs", time.TotalMicroseconds),
        { TotalMilliseconds: < 100 } => Format("{0:0.0} ms", time.TotalMilliseconds),
        _ => Time(time),
    };

    /// <summary>"64 KB", "16 MB": bytes that are a round number of some unit.</summary>
    public static string BlockSize(int bytes) => Bytes(bytes).Replace(".0 ", " ", StringComparison.Ordinal);

    /// <summary>"42%".</summary>
    public static string Percent(double share) => Format("{0:0}%", share * 100);

    /// <summary>The text on one line, cut to a width.</summary>
    public static string Cut(string text, int width)
    {
        ArgumentNullException.ThrowIfNull(text);
        var line = text.AsSpan(0, Math.Min(text.Length, 4 * width)).ToString().ReplaceLineEndings(" ").Replace('\t', ' ').Trim();
        return line.Length <= width ? line : string.Concat(line.AsSpan(0, width - 1), "…");
    }

    static string Format(string format, params ReadOnlySpan<object?> values) => string.Format(CultureInfo.InvariantCulture, format, values);
}
