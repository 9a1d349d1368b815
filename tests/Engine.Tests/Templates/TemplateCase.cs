using NvStream.Tokenization.Templates;
using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Renders templates for tests, with one set of variables and a clock that stands still.</summary>
static class TemplateCase
{
    public static readonly Dictionary<string, object?> Variables = new()
    {
        ["text"] = "Hello, World",
        ["emoji"] = "a😀bé🚀z",
        ["numbers"] = new[] { 3, 1, 2 },
        ["map"] = new Dictionary<string, object?> { ["b"] = 1, ["a"] = "x", ["items"] = new[] { 1 } },
        ["turns"] = new ChatMessage[] { new("system", "S"), new("user", " hi \n"), new("assistant", "<think>x</think>yo") },
        ["nothing"] = null,
        ["yes"] = true,
        ["empty"] = Array.Empty<object>(),
        ["quotes"] = "it's \"q\"\t\n",
    };

    /// <summary>What the template writes, with <see cref="Variables"/> and no messages.</summary>
    public static string Output(string template) =>
        ChatTemplate.Parse(template, new Clock()).Render([], false, "", "", Variables);

    /// <summary>What printing the expression writes.</summary>
    public static string Value(string expression) => Output($"{{{{ {expression} }}}}");

    /// <summary>The error of a template that must not parse or render.</summary>
    public static TemplateException Error(string template, string errorId)
    {
        var error = Assert.Throws<TemplateException>(() => Output(template));
        Assert.Equal(errorId, error.ErrorId);
        Assert.NotEmpty(error.Remedy);
        return error;
    }

    /// <summary>9:03:07 in the morning of Friday, July 5th, 2024.</summary>
    public sealed class Clock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2024, 7, 5, 9, 3, 7, TimeSpan.Zero);
    }
}
