using System.Globalization;

namespace NvStream.Compute.Cpu;

/// <summary>What the system tells in small text files; what is missing, forbidden or not understood is empty or null.</summary>
internal static class SmallFiles
{
    public static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>A file's first line, trimmed; null where there is none.</summary>
    public static string? Line(string path) => Lines(path) is [{ } first, ..] && first.Trim() is { Length: > 0 } line ? line : null;

    /// <summary>The number a file holds; null where there is no such file or it says "max".</summary>
    public static long? Number(string path) => ParseNumber(Line(path));

    public static long? ParseNumber(ReadOnlySpan<char> text) => long.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : null;

    /// <summary>What follows a name at the start of a line: "MemAvailable:  123 kB" has "123 kB" after "MemAvailable:".</summary>
    public static string? Field(string path, string name)
    {
        foreach (var line in Lines(path))
        {
            if (line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && char.IsWhiteSpace(line[name.Length]))
            {
                return line[name.Length..].Trim();
            }
        }

        return null;
    }

    /// <summary>The number that follows a name at the start of a line.</summary>
    public static long? NumberField(string path, string name)
    {
        var field = Field(path, name).AsSpan();
        var end = field.IndexOf(' ');
        return ParseNumber(end < 0 ? field : field[..end]);
    }
}
