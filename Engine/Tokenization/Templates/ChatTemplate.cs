namespace NvStream.Tokenization.Templates;

/// <summary>
/// A chat template, as GGUF files carry it in <c>tokenizer.chat_template</c>: the part of Jinja2 that such templates
/// use, rendered as the Hugging Face libraries render it (<c>trim_blocks</c>, <c>lstrip_blocks</c>, loop controls,
/// <c>raise_exception</c>, <c>strftime_now</c>, a <c>tojson</c> without HTML escaping; no autoescaping, so that
/// <c>safe</c> changes nothing). Templates come with files of unknown origin: they reach nothing but the values given
/// to them, and their time, memory and nesting are bounded. An instance is immutable and can be used from many threads.
/// </summary>
public sealed class ChatTemplate
{
    readonly Body _body;
    readonly TimeProvider _clock;

    ChatTemplate(Body body, TimeProvider clock)
    {
        _body = body;
        _clock = clock;
    }

    /// <exception cref="TemplateException">
    /// ChatTemplateUnsupported: a syntax error or a construct outside the subset, named with its line and column;
    /// ChatTemplateLimit: a source too long or nested too deep.
    /// </exception>
    public static ChatTemplate Parse(string source) => Parse(source, TimeProvider.System);

    internal static ChatTemplate Parse(string source, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(Parser.Parse(source), clock);
    }

    /// <summary>The prompt for a conversation.</summary>
    /// <param name="addGenerationPrompt">Whether the prompt ends with the marker after which the model answers.</param>
    /// <param name="bosToken">The text of the token that begins a sequence; empty where the vocabulary has none.</param>
    /// <param name="eosToken">The text of the token that ends a sequence; empty where the vocabulary has none.</param>
    /// <param name="extra">
    /// More variables, or others in place of the above: null, booleans, numbers, strings, JSON, messages, and mappings
    /// with string keys and sequences of these. <c>tools</c> and <c>documents</c> are None unless given here.
    /// </param>
    /// <exception cref="TemplateException">
    /// ChatTemplateRejected: the template refuses the conversation, the message is the template's own;
    /// ChatTemplateFailed: an expression has no value, such as one with an undefined name;
    /// ChatTemplateUnsupported: a function, method, filter or format outside the subset was come to;
    /// ChatTemplateLimit: too many steps, too much text or too deep a recursion.
    /// </exception>
    /// <exception cref="ArgumentException">A value of <paramref name="extra"/> has a type that is not listed above.</exception>
    public string Render(
        IReadOnlyList<ChatMessage> messages,
        bool addGenerationPrompt,
        string bosToken,
        string eosToken,
        IReadOnlyDictionary<string, object?>? extra = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var variables = new Dictionary<string, object?>
        {
            ["messages"] = messages,
            ["add_generation_prompt"] = addGenerationPrompt,
            ["bos_token"] = bosToken,
            ["eos_token"] = eosToken,
            ["tools"] = null,
            ["documents"] = null,
        };
        foreach (var (name, value) in extra ?? new Dictionary<string, object?>())
        {
            variables[name] = value;
        }

        var converter = new ValueConverter();
        var values = variables.Select(variable => (variable.Key, Value: converter.Convert(variable.Value))).ToList();
        var run = new Run(converter.TextLength, _clock);
        var frame = new Frame(run, null);
        foreach (var (name, value) in values)
        {
            frame.Set(name, value);
        }

        _body.Execute(frame);
        return run.Output.ToString();
    }
}
