using System.Globalization;

namespace NvStream.Tokenization.PreTokenization;

/// <summary>The general category of a code point, as far as pre-tokenizers care; flags, so that sets are cheap.</summary>
[Flags]
enum CharKind : byte
{
    None = 0,
    /// <summary>\p{L}</summary>
    Letter = 1,
    /// <summary>\p{N}</summary>
    Number = 2,
    /// <summary>\p{M}</summary>
    Mark = 4,
    /// <summary>\p{P}</summary>
    Punctuation = 8,
    /// <summary>\p{S}</summary>
    Symbol = 16,
    /// <summary>\s: Unicode's White_Space.</summary>
    Space = 32,
    /// <summary>Controls, formats, private use and what is not assigned.</summary>
    Other = 64,
}

static class CharKinds
{
    static readonly CharKind[] Ascii = [.. Enumerable.Range(0, 128).Select(Classify)];

    public static CharKind Of(int codePoint) => codePoint < 128 ? Ascii[codePoint] : Classify(codePoint);

    static CharKind Classify(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharKind.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharKind.Number,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => CharKind.Mark,
        UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
            or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation
            or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation => CharKind.Punctuation,
        UnicodeCategory.MathSymbol or UnicodeCategory.CurrencySymbol or UnicodeCategory.ModifierSymbol
            or UnicodeCategory.OtherSymbol => CharKind.Symbol,
        UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => CharKind.Space,
        UnicodeCategory.Control when codePoint is (>= '\t' and <= '\r') or 0x85 => CharKind.Space,
        _ => CharKind.Other,
    };
}
