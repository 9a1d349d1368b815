using NvStream.Gguf;
using NvStream.Tokenization;
using NvStream.Tokenization.Templates;

namespace NvStream.Inference;

/// <summary>From a user's message to tokens, through the file's own chat template.</summary>
sealed class PromptEncoder(GgufFile file, Tokenizer tokenizer)
{
    // Parsed at first use: a template beyond the interpreter must not keep raw prompts from working.
    readonly Lazy<ChatTemplate> _template = new(() => ChatTemplate.Parse(
        file.Metadata.GetString("tokenizer.chat_template", "") is { Length: > 0 } source
            ? source
            : throw InferenceException.NoChatTemplate(file.Path)));

    /// <exception cref="InferenceException">PromptEmpty, ArgumentInvalid.</exception>
    /// <exception cref="TemplateException">The template cannot be parsed or refuses the messages.</exception>
    public int[] Encode(GenerationRequest request)
    {
        if (request.Prompt.Length == 0)
        {
            throw InferenceException.PromptEmpty();
        }

        if (request.Raw)
        {
            return request.System is null
                ? tokenizer.Encode(request.Prompt, addSpecial: true, parseSpecial: true)
                : throw InferenceException.Invalid("A raw prompt has no system message: write it into the prompt.");
        }

        List<ChatMessage> messages = request.System is { } system ? [new("system", system)] : [];
        messages.Add(new("user", request.Prompt));
        var text = _template.Value.Render(messages, addGenerationPrompt: true, Special(tokenizer.BosId), Special(tokenizer.EosId));

        // Most templates write the BOS themselves; the tokenizer's own must not double it.
        var tokens = tokenizer.Encode(text, addSpecial: false, parseSpecial: true);
        return tokenizer.AddBos && tokenizer.BosId is { } bos && (tokens.Length == 0 || tokens[0] != bos)
            ? [bos, .. tokens]
            : tokens;
    }

    string Special(int? id) => id is { } token ? tokenizer.TokenText(token) : "";
}
