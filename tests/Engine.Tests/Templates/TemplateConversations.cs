using System.Text.Json;
using NvStream.Tokenization.Templates;
using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>The templates and conversations of one folder, with what Jinja2 renders from them.</summary>
sealed class TemplateConversations(string folder)
{
    readonly JsonElement _expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "expected.json"))).RootElement;

    public IEnumerable<JsonElement> Cases => _expected.GetProperty("cases").EnumerateArray();

    public string Source(string template) => File.ReadAllText(Path.Combine(folder, template + ".jinja"));

    /// <summary>Renders a case as the engine does: messages as such, all else as extra variables.</summary>
    public string Render(JsonElement @case)
    {
        var template = ChatTemplate.Parse(Source(@case.GetProperty("template").GetString()!), new TemplateCase.Clock());
        bool isNamed = @case.GetProperty("conversation").ValueKind == JsonValueKind.String;
        var variables = isNamed
            ? _expected.GetProperty("conversations").GetProperty(@case.GetProperty("conversation").GetString()!)
            : default;
        var messages = isNamed ? [] : @case.GetProperty("conversation").EnumerateArray().Select(Message).ToList();
        var extra = isNamed ? variables.EnumerateObject().ToDictionary(variable => variable.Name, variable => (object?)variable.Value) : null;
        bool prompts = (isNamed ? variables : @case).GetProperty("add_generation_prompt").GetBoolean();
        return template.Render(
            messages, prompts, _expected.GetProperty("bos_token").GetString()!, _expected.GetProperty("eos_token").GetString()!, extra);
    }

    /// <summary>Checks the text, or the error, of a case.</summary>
    public void Check(JsonElement @case)
    {
        string what = $"{@case.GetProperty("template")}, {@case.GetProperty("conversation")}";
        if (@case.TryGetProperty("text", out JsonElement text))
        {
            Assert.True(text.GetString() == Render(@case), $"{what}: expected\n{text}\nrendered\n{Render(@case)}");
            return;
        }

        var error = Assert.Throws<TemplateException>(() => Render(@case));
        if (@case.TryGetProperty("error", out JsonElement message))
        {
            Assert.Equal((what, "ChatTemplateRejected", message.GetString()), (what, error.ErrorId, error.Message));
        }
        else
        {
            Assert.Equal((what, "ChatTemplateFailed"), (what, error.ErrorId));
        }
    }

    static ChatMessage Message(JsonElement message) =>
        new(message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!);
}
