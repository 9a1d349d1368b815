using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Whole templates: the shared fixtures, and templates made in the manner of well-known model families.</summary>
public class TemplateFamilyTests
{
    static readonly string Families = Path.Combine(Fixtures.Repository, "tests", "Engine.Tests", "Templates", "families");

    [Fact]
    public void Every_fixture_renders_as_Jinja2_does()
    {
        var fixtures = new TemplateConversations(Fixtures.Shared("templates"));
        Assert.All(fixtures.Cases, fixtures.Check);
        Assert.Equal(70, fixtures.Cases.Count());
    }

    [Theory]
    [InlineData("llama-3.1")]
    [InlineData("qwen2.5")]
    [InlineData("qwen3")]
    [InlineData("mistral")]
    [InlineData("gemma")]
    [InlineData("phi")]
    [InlineData("deepseek-r1")]
    [InlineData("typed-tools")]
    public void Family_renders_as_Jinja2_does(string family)
    {
        var families = new TemplateConversations(Families);
        var cases = families.Cases.Where(candidate => candidate.GetProperty("template").GetString() == family).ToList();
        Assert.Equal(11, cases.Count);
        Assert.All(cases, families.Check);
    }
}
