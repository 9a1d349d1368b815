using System.Globalization;

namespace NvStream.Streaming;

/// <summary>
/// An amount of memory as users give it: bytes (<c>24GB</c>, <c>'24GiB'</c>; units are powers of 1024, as PowerShell's
/// own), a share of what is free (<c>'80%'</c>), or <c>Auto</c>.
/// </summary>
public readonly record struct MemoryBudget
{
    MemoryBudget(long? bytes, double? share)
    {
        Bytes = bytes;
        Share = share;
    }

    public static MemoryBudget Auto => default;

    /// <summary>Bytes, when given as an amount.</summary>
    public long? Bytes { get; }

    /// <summary>0 to 1, when given as a share of what is free.</summary>
    public double? Share { get; }

    public bool IsAuto => Bytes is null && Share is null;

    public static MemoryBudget FromBytes(long bytes) => bytes >= 0
        ? new(bytes, null)
        : throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "A budget cannot be negative.");

    /// <exception cref="FormatException">Not a size, a percentage or Auto.</exception>
    public static MemoryBudget Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var trimmed = text.AsSpan().Trim();
        if (trimmed.Equals("Auto", StringComparison.OrdinalIgnoreCase))
        {
            return Auto;
        }

        if (trimmed.EndsWith("%") && TryNumber(trimmed[..^1], out var percent) && percent is > 0 and <= 100)
        {
            return new(null, percent / 100);
        }

        var digits = trimmed.IndexOfAnyExceptInRange('0', '9') is var end && end < 0 ? trimmed.Length : end;
        while (digits < trimmed.Length && (char.IsAsciiDigit(trimmed[digits]) || trimmed[digits] == '.'))
        {
            digits++;
        }

        if (TryNumber(trimmed[..digits], out var number)
            && Unit(trimmed[digits..].Trim()) is { } unit
            && number * unit is >= 0 and < long.MaxValue)
        {
            return new((long)(number * unit), null);
        }

        throw new FormatException($"'{text}' is not a size: give bytes with a unit (24GB, 24GiB, 512MB), a share of what is free (80%), or Auto.");
    }

    /// <summary>Bytes that this budget means where <paramref name="free"/> bytes are free.</summary>
    /// <param name="autoShare">The share of what is free that Auto stands for.</param>
    public long Resolve(long free, double autoShare) => Bytes ?? (long)(free * (Share ?? autoShare));

    public override string ToString() => this switch
    {
        { Bytes: { } bytes } => bytes.ToString(CultureInfo.InvariantCulture),
        { Share: { } share } => string.Create(CultureInfo.InvariantCulture, $"{share * 100}%"),
        _ => "Auto",
    };

    static bool TryNumber(ReadOnlySpan<char> text, out double number) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);

    static double? Unit(ReadOnlySpan<char> unit)
    {
        if (unit.IsEmpty || unit.Equals("B", StringComparison.OrdinalIgnoreCase))
        {
            return 1;
        }

        var power = "KMGTP".IndexOf(char.ToUpperInvariant(unit[0]), StringComparison.Ordinal) + 1;
        var rest = unit[1..];
        return power > 0 && (rest.IsEmpty || rest.Equals("B", StringComparison.OrdinalIgnoreCase) || rest.Equals("iB", StringComparison.OrdinalIgnoreCase))
            ? Math.Pow(1024, power)
            : null;
    }
}
