namespace NvStream.Tokenization;

/// <summary>A tokenizer that is not known, or one whose metadata contradicts itself.</summary>
public sealed class TokenizerException : NvStreamException
{
    TokenizerException(string errorId, string message, string remedy)
        : base(errorId, message, remedy)
    {
    }

    /// <param name="key">The metadata key that names it.</param>
    /// <param name="seen">What the file says there.</param>
    /// <param name="supported">What could stand there.</param>
    public static TokenizerException Unsupported(string key, string seen, IEnumerable<string> supported) => new(
        "TokenizerUnsupported",
        $"The tokenizer '{seen}' ({key}) is not supported; supported are {string.Join(", ", supported)}.",
        "Use a model with one of these tokenizers: with another one the ids would be wrong without any sign of it.");

    /// <param name="what">What was seen and what was expected.</param>
    public static TokenizerException Invalid(string what) => new(
        "TokenizerInvalid",
        $"The file's tokenizer is not valid: {what}.",
        "Convert the model again with a current converter, or fetch a file that others run.");
}
