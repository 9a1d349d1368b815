using System.Collections;
using System.Text.Json;
using System.Text.Json.Nodes;
using NvStream.Tokenization.Templates;
using Xunit;

namespace NvStream.Tests.Templates;

public class TemplateVariableTests
{
    [Fact]
    public void Messages_are_mappings_of_role_and_content()
    {
        var template = ChatTemplate.Parse("{{ messages }}{{ add_generation_prompt }}{{ bos_token }}{{ eos_token }}{{ tools }}{{ documents }}");
        Assert.Equal(
            "[{'role': 'user', 'content': 'hi'}]True<s></s>NoneNone",
            template.Render([new("user", "hi")], true, "<s>", "</s>"));
    }

    [Fact]
    public void Extra_variables_take_the_place_of_the_others()
    {
        var extra = new Dictionary<string, object?> { ["bos_token"] = "B", ["messages"] = "M", ["range"] = 5 };
        Assert.Equal("BM5", ChatTemplate.Parse("{{ bos_token }}{{ messages }}{{ range }}").Render([], true, "<s>", "</s>", extra));
    }

    public static TheoryData<object?, string> Convertible() => new()
    {
        { null, "None" },
        { true, "True" },
        { (byte)7, "7" },
        { -5L, "-5" },
        { ulong.MaxValue, "1.8446744073709552e+19" },
        { 1.5f, "1.5" },
        { 2.5m, "2.5" },
        { 'x', "x" },
        { new[] { 1, 2 }, "[1, 2]" },
        { new Dictionary<string, string> { ["a"] = "b" }, "{'a': 'b'}" },
        { new Hashtable { ["a"] = new object?[] { null } }, "{'a': [None]}" },
        { new SortedList<string, object?> { ["b"] = 1, ["a"] = 2 }, "{'a': 2, 'b': 1}" },
        { new ChatMessage("user", "hi"), "{'role': 'user', 'content': 'hi'}" },
        { JsonDocument.Parse("""{"a": [1, 2.5, 1e400, null, true, "x"], "a": 2, "b": 12345678901234567890}""").RootElement, "{'a': 2, 'b': 1.2345678901234567e+19}" },
        { JsonDocument.Parse("""[1, 2.5, null, true, "x", {}]""").RootElement, "[1, 2.5, None, True, 'x', {}]" },
        { new JsonObject { ["a"] = new JsonArray(1, "x") }, "{'a': [1, 'x']}" },
    };

    [Theory]
    [MemberData(nameof(Convertible), DisableDiscoveryEnumeration = true)]
    public void Values_are_copied_from_common_types(object? value, string printed) =>
        Assert.Equal(printed, ChatTemplate.Parse("{{ x }}").Render([], false, "", "", new Dictionary<string, object?> { ["x"] = value }));

    [Fact]
    public void Other_types_are_refused_and_named()
    {
        static void Render(object value) =>
            ChatTemplate.Parse("").Render([], false, "", "", new Dictionary<string, object?> { ["x"] = value });

        Assert.Contains("System.Uri", Assert.Throws<ArgumentException>(() => Render(new Uri("http://x"))).Message);
        Assert.Contains("System.Int32", Assert.Throws<ArgumentException>(() => Render(new Hashtable { [1] = 1 })).Message);
        object nested = 1;
        for (int i = 0; i < 100; i++)
        {
            nested = new[] { nested };
        }

        Assert.Contains("64 deep", Assert.Throws<ArgumentException>(() => Render(nested)).Message);
    }

    [Fact]
    public void A_template_can_be_rendered_again_and_from_many_threads()
    {
        var template = ChatTemplate.Parse("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ m.content }}{% endfor %}{{ ns.n }}");
        Parallel.For(0, 200, i => Assert.Equal($"{i}x2", template.Render([new("user", $"{i}"), new("user", "x")], false, "", "")));
    }

    [Fact]
    public void The_clock_is_the_systems_unless_a_test_sets_it()
    {
        string before = DateTime.Now.ToString("yyyy");
        string year = ChatTemplate.Parse("{{ strftime_now('%Y') }}").Render([], false, "", "");
        Assert.InRange(int.Parse(year), int.Parse(before), int.Parse(before) + 1);
    }
}
