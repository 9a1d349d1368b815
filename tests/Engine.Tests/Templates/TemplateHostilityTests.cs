using System.Diagnostics;
using NvStream.Tokenization.Templates;
using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Templates made to hang, to fill the memory or to overflow the stack end with an error, and soon.</summary>
public class TemplateHostilityTests
{
    /// <summary>Generous, for machines that run much else: each takes some tenths of a second on a free core.</summary>
    static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    const string Endless = "range(100000)";

    static string Repeat(string text, int count) => string.Concat(Enumerable.Repeat(text, count));

    static void EndsSoon(string template, string errorId = "ChatTemplateLimit")
    {
        var watch = Stopwatch.StartNew();
        TemplateCase.Error(template, errorId);
        Assert.True(watch.Elapsed < Soon, $"took {watch.Elapsed}");
    }

    [Theory]
    [InlineData("(", "1", ")")]
    [InlineData("[", "1", "]")]
    [InlineData("{1:", "1", "}")]
    [InlineData("not ", "1", "")]
    [InlineData("- ", "1", "")]
    [InlineData("a[", "0", "]")]
    [InlineData("f(", "0", ")")]
    [InlineData("1 if 0 else ", "1", "")]
    [InlineData("", "1", " + 1")]
    [InlineData("", "1", " and 1")]
    [InlineData("", "'a'", "|upper")]
    [InlineData("", "map", ".a")]
    [InlineData("", "map", "[0]")]
    [InlineData("", "map", "()")]
    [InlineData("", "1", " is odd is odd")]
    [InlineData("", "1", " if 1")]
    public void Expressions_nested_100000_deep(string before, string middle, string after) =>
        EndsSoon($"{{{{ {Repeat(before, 100_000)}{middle}{Repeat(after, 100_000)} }}}}");

    [Theory]
    [InlineData("{% if 1 %}")]
    [InlineData("{% for x in numbers %}")]
    [InlineData("{% macro m() %}")]
    [InlineData("{% set x %}")]
    [InlineData("{% filter upper %}")]
    [InlineData("{% with %}")]
    public void Blocks_nested_100000_deep(string tag) => EndsSoon(Repeat(tag, 100_000));

    [Theory]
    [InlineData("{% set " + "{0}" + " = 1 %}")]
    [InlineData("{% for {0} in numbers %}{% endfor %}")]
    public void Targets_nested_100000_deep(string template) =>
        EndsSoon(template.Replace("{0}", Repeat("(", 100_000) + "a" + Repeat(")", 100_000)));

    [Theory]
    [InlineData("{{ 1" + "{0}" + " }}", " ~ 1")]
    [InlineData("{{ 1" + "{0}" + " }}", " < 2")]
    [InlineData("{% if 0 %}{0}{% endif %}", "{% elif 0 %}")]
    [InlineData("{{ [{0}] | length }}", "1,")]
    [InlineData("{{ '{0}' }}", "\\x41")]
    [InlineData("{0}", "{{ 1 }} ")]
    public void Long_but_flat_templates_render(string template, string part)
    {
        var watch = Stopwatch.StartNew();
        TemplateCase.Output(template.Replace("{0}", Repeat(part, 50_000)));
        Assert.True(watch.Elapsed < Soon, $"took {watch.Elapsed}");
    }

    [Theory]
    [InlineData("{% for a in " + Endless + " %}{% for b in " + Endless + " %}{% for c in " + Endless + " %}{% endfor %}{% endfor %}{% endfor %}")]
    [InlineData("{% for a in " + Endless + " %}{% for b in " + Endless + " %}x{{ b }}{% endfor %}{% endfor %}")]
    [InlineData("{% for a in " + Endless + " %}{% for b in " + Endless + " %}{{ loop.length }}{% endfor %}{% endfor %}")]
    [InlineData("{% for a in " + Endless + " %}{% for b in " + Endless + " if false %}{% endfor %}{% endfor %}")]
    [InlineData("{% set l = [1] %}{% for x in l %}{% set _ = l.append(x) %}{% endfor %}")]
    [InlineData("{% set d = {1: 1} %}{% for x in d %}{% set _ = d.update({x + 1: 1}) %}{% endfor %}")]
    [InlineData("{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}")]
    [InlineData("{% macro m() %}{% for x in [1] %}{% if true %}{% call m() %}{{ caller() }}{{ m() }}{% endcall %}{% endif %}{% endfor %}{% endmacro %}{{ m() }}")]
    [InlineData("{% macro a() %}{{ b() }}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}")]
    [InlineData("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(50) }}")]
    [InlineData("{% for a in " + Endless + " %}{% set x = " + Endless + " | sort %}{% endfor %}")]
    [InlineData("{% for a in " + Endless + " %}{% set x = " + Endless + " | list %}{% endfor %}")]
    [InlineData("{% for a in " + Endless + " %}{% set x = 100000 in " + Endless + " %}{% endfor %}")]
    public void Endless_loops_and_recursion(string template) => EndsSoon(template);

    [Theory]
    [InlineData("{{ 'x' * 1000000000000 }}")]
    [InlineData("{{ 'x' * 9223372036854775807 }}")]
    [InlineData("{{ 'x' * 100000000 }}")]
    [InlineData("{{ [1] * 1000000000000 }}")]
    [InlineData("{{ (1,) * 10000000 }}")]
    [InlineData("{% set s = 'x' * 1000000 %}{% for i in numbers * 10 %}{{ s }}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [InlineData("{% set l = [1] %}{% for i in range(100) %}{% set _ = l.extend(l) %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}")]
    [InlineData("{{ ('a' * 1000000).replace('a', 'b' * 1000) }}")]
    [InlineData("{{ ('a' * 1000000).replace('', 'b' * 1000) }}")]
    [InlineData("{{ (['x' * 100000] * 10000) | join('y') }}")]
    [InlineData("{{ ('x' * 100000).join(['a'] * 10000) }}")]
    [InlineData("{{ ('a\n' * 100000) | indent(100000) }}")]
    [InlineData("{{ 'a' | indent(10000000000, true) }}")]
    [InlineData("{{ [[1] * 1000] | tojson(indent=100000) }}")]
    [InlineData("{{ [1] | tojson(indent=100000000000) }}")]
    [InlineData("{{ ([1] * 10000) | tojson(separators=('x' * 100000, '')) }}")]
    [InlineData("{{ '%100000000d' % 1 }}")]
    [InlineData("{{ '%.100000000f' % 1 }}")]
    [InlineData("{{ ('{0}' * 1000000).format('x' * 10000) }}")]
    [InlineData("{{ range(1000000000) }}")]
    [InlineData("{{ range(100001) }}")]
    [InlineData("{{ raise_exception('x' * 100000000) }}")]
    [InlineData("{{ 2 ** 63 }}")]
    [InlineData("{{ 9223372036854775807 * 2 }}")]
    [InlineData("{{ ('9' * 1000000) | int }}")]
    [InlineData("{{ 1.5 | round(1000000) }}")]
    public void Huge_values(string template) => EndsSoon(template);

    [Theory]
    [InlineData("{% for c in " + Endless + " %}{% set u = s | trim %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.strip(s) %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s | lower | upper | title %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s == t %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s < t %}{% endfor %}")]
    [InlineData("{% set d = {s: 1} %}{% for c in " + Endless + " %}{% set u = d[t] %}{% endfor %}")]
    [InlineData("{% set d = namespace() %}{% for c in " + Endless + " %}{% set u = d[t] %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.startswith(t) %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.removeprefix(t) %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.splitlines() %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.split() %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.rsplit('b') %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.count('b') %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.rfind('b') %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s.isspace() %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s | e %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = [s] | string %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = [s] | unique %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = [s, t] | max %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s | float %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = s[1:] %}{% endfor %}")]
    [InlineData("{% for c in " + Endless + " %}{% set u = {} | attr(s) %}{% set u = [{}] | map(attribute=s) %}{% endfor %}")]
    [InlineData("{% set n = 'a' * 500000 ~ 'b' %}{% set h = 'a' * 1000000 %}{% for c in " + Endless + " %}{% set u = n in h %}{% endfor %}")]
    [InlineData("{% set h = '\U0001F600' * 1000000 %}{% for c in " + Endless + " %}{% set u = h[::-1] %}{% endfor %}")]
    public void Work_on_long_strings_is_counted(string template) =>
        EndsSoon("{% set s = ' ' * 1000000 %}{% set t = ' ' * 1000000 %}" + template);

    [Theory]
    [InlineData("{{ ns.s }}")]
    [InlineData("{{ ns.s | tojson }}")]
    [InlineData("{{ ns.s == ns.t }}")]
    [InlineData("{{ ns.s < ns.t }}")]
    public void Values_that_hold_themselves_twice_at_every_level(string use) =>
        EndsSoon("{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}" + use);

    [Theory]
    [InlineData("{{ ns.s }}")]
    [InlineData("{{ ns.s | tojson }}")]
    [InlineData("{{ ns.s == ns.t }}")]
    [InlineData("{{ [ns.s] | sort }}{{ ns.s < ns.t }}")]
    public void Values_nested_100000_deep(string use) =>
        EndsSoon("{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% set ns.t = [ns.t] %}{% endfor %}" + use);

    [Fact]
    public void Filters_upon_filters_100000_deep_do_not_nest() =>
        Assert.Equal("['1']", TemplateCase.Output(
            "{% set ns = namespace(g=[1]) %}{% for i in range(100000) %}{% set ns.g = ns.g | map('string') %}{% endfor %}{{ ns.g | list }}"));

    [Fact]
    public void A_list_that_holds_itself()
    {
        EndsSoon("{% set l = [] %}{% set _ = l.append(l) %}{{ l }}");
        EndsSoon("{% set l = [] %}{% set m = [] %}{% set _ = l.append(l) %}{% set _ = m.append(m) %}{{ l == m }}");
    }

    [Fact]
    public void The_source_and_its_names_are_bounded()
    {
        EndsSoon(new string('x', 5_000_000));
        EndsSoon($"{{{{ {new string('x', 300)} }}}}");
        EndsSoon($"{{{{ {new string('9', 1_000_000)} }}}}", "ChatTemplateUnsupported");
    }

    [Fact]
    public void A_small_stack_is_enough_for_an_error()
    {
        string[] templates =
        [
            $"{{{{ {Repeat("(", 1000)}1{Repeat(")", 1000)} }}}}",
            $"{{{{ {Repeat("(", 120)}1{Repeat(")", 120)} }}}}",
            "{% macro m(a) %}{% for x in [1] %}{{ m(a) | upper }}{% endfor %}{% endmacro %}{{ m(1) }}",
            "{% set ns = namespace(s=[1]) %}{% for i in range(1000) %}{% set ns.s = {1: [ns.s]} %}{% endfor %}{{ ns.s | tojson }}",
        ];
        var errors = new List<string>();
        var thread = new Thread(
            () =>
            {
                foreach (string template in templates)
                {
                    try
                    {
                        errors.Add(TemplateCase.Output(template));
                    }
                    catch (TemplateException error)
                    {
                        errors.Add(error.ErrorId);
                    }
                }
            },
            maxStackSize: 256 << 10);
        thread.Start();
        thread.Join();
        Assert.Equal(templates.Length, errors.Count);
        Assert.All(errors, error => Assert.Contains(error, new[] { "ChatTemplateLimit", "1" }));
        Assert.Contains("ChatTemplateLimit", errors);
    }

    [Fact]
    public void Long_conversations_are_within_the_limits()
    {
        var template = ChatTemplate.Parse(
            "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content | trim | replace('a', 'b') + '<|end|>\n' }}{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1] }}{% endif %}{% endfor %}");
        ChatMessage[] many = [.. Enumerable.Range(0, 20_000).Select(i => new ChatMessage("user", $"message {i}"))];
        Assert.Equal(20_000, template.Render(many, true, "", "").Count(c => c == '\n'));
        Assert.Equal(8_000_016, template.Render([new("user", new string('x', 8_000_000) + "\n\n")], true, "", "").Length);
    }
}
