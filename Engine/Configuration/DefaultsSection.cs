using System.Globalization;
using NvStream.Streaming;

namespace NvStream.Configuration;

/// <summary>One section's values, each read as what it must be; a value that the caller gives is not looked at.</summary>
sealed class DefaultsSection(StreamDefaults defaults, string name, Func<string, bool> isGiven, Action<string>? log, Action<string>? warn)
{
    readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);

    public string? Text(string setting)
    {
        _known.Add(setting);
        var key = Key(setting);
        if (isGiven(setting) || defaults[key] is not { } value)
        {
            return null;
        }

        log?.Invoke($"{setting} is '{value}' by {defaults.OriginOf(key)}.");
        return value;
    }

    public int? Int(string setting, int least) => Text(setting) is not { } text
        ? null
        : text.Equals("Auto", StringComparison.OrdinalIgnoreCase) && least == 0
            ? 0
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least
                ? value
                : throw Bad(setting, text, $"a whole number of at least {least}");

    public float? Number(string setting, float least, float most) => Text(setting) is not { } text
        ? null
        : float.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw Bad(setting, text, string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"));

    public ulong? Seed(string setting) => Text(setting) is not { } text
        ? null
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Bad(setting, text, "a whole number");

    public T? OneOf<T>(string setting)
        where T : struct, Enum => Text(setting) is not { } text
        ? null
        : !char.IsAsciiDigit(text.Trim().FirstOrDefault()) && Enum.TryParse<T>(text, ignoreCase: true, out var value) && Enum.IsDefined(value)
            ? value
            : throw Bad(setting, text, "one of " + string.Join(", ", Enum.GetNames<T>()));

    public MemoryBudget? Size(string setting)
    {
        if (Text(setting) is not { } text)
        {
            return null;
        }

        try
        {
            return MemoryBudget.Parse(text);
        }
        catch (FormatException)
        {
            throw Bad(setting, text, "a size with a unit (24GB, 512MB), a share of what is free (80%) or Auto");
        }
    }

    /// <summary>Bytes of a read: a size that is a multiple of 4096.</summary>
    public int? Block(string setting) => Size(setting) switch
    {
        null => null,
        { Bytes: { } bytes and > 0 and <= 1 << 30 } when bytes % 4096 == 0 => (int)bytes,
        _ => throw Bad(setting, defaults[Key(setting)]!, "a multiple of 4096 bytes, up to 1GB"),
    };

    /// <summary>A misspelt key would otherwise do nothing, silently.</summary>
    public void ReportUnknownKeys()
    {
        foreach (var key in defaults.KeysOf(name).Where(k => !_known.Contains(k)))
        {
            warn?.Invoke($"'{Key(key)}' is no setting, by {defaults.OriginOf(Key(key))}; those of {name} are {string.Join(", ", _known)}.");
        }
    }

    string Key(string setting) => $"{name}:{setting}";

    ConfigurationException Bad(string setting, string value, string expected) =>
        ConfigurationException.BadValue(Key(setting), value, defaults.OriginOf(Key(setting)), expected);
}
