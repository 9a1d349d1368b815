namespace NvStream.Tokenization.Templates;

/// <summary>A chat template that cannot be parsed, or that could not be rendered for this conversation.</summary>
public sealed class TemplateException : NvStreamException
{
    TemplateException(string errorId, string message, Position at, string remedy)
        : base(errorId, message, remedy)
    {
        Line = at.Line;
        Column = at.Column;
    }

    /// <summary>1-based line in the template.</summary>
    public int Line { get; }

    /// <summary>1-based column in the template, in UTF-16 units.</summary>
    public int Column { get; }

    /// <param name="construct">What the template uses, as a noun phrase: "the filter 'urlize'".</param>
    internal static TemplateException Unsupported(string construct, Position at) => new(
        "ChatTemplateUnsupported", $"The chat template uses {construct}, which is not supported ({at}).", at,
        "Use another template, or -Raw with a prompt that has the model's own markers in it.");

    /// <param name="what">What was seen and what was expected, as a sentence without its full stop.</param>
    internal static TemplateException Syntax(string what, Position at) => new(
        "ChatTemplateUnsupported", $"The chat template is malformed: {what} ({at}).", at,
        "Use another template, or -Raw with a prompt that has the model's own markers in it.");

    /// <summary>The template called raise_exception: the message is the template's own, unchanged.</summary>
    internal static TemplateException Rejected(string message, Position at) => new(
        "ChatTemplateRejected", message, at,
        "The model's own template refuses this conversation: change the order or roles of the messages.");

    /// <param name="what">The limit that was met, as a sentence without its full stop.</param>
    internal static TemplateException Limit(string what, Position at) => new(
        "ChatTemplateLimit", $"The chat template was stopped: {what} ({at}).", at,
        "No template in use comes near the limits: do not trust this file, or shorten the conversation.");

    /// <summary>An expression has no value: an undefined name, operands of the wrong type, a division by zero.</summary>
    internal static TemplateException Failed(string what, Position at) => new(
        "ChatTemplateFailed", $"The chat template failed: {what} ({at}).", at,
        "Check that the conversation has the messages and variables that the template expects, or use -Raw.");
}
