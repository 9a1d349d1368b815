using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Whitespace around tags, with trim_blocks and lstrip_blocks on. Expected values are Jinja2's, under CPython.</summary>
public class TemplateWhitespaceTests
{
    [Theory]
    [InlineData("{% if yes %}\n  a\n{% endif %}\nb\n", "  a\nb")]
    [InlineData("  {% if yes %}\n  a\n  {% endif %}\n  b", "  a\n  b")]
    [InlineData("{{ 1 }}\n{{ 2 }}\n\n", "1\n2\n")]
    [InlineData("a\n  {{ 1 }}  \n  b", "a\n  1  \n  b")]
    [InlineData("a \n {%- if yes -%} \n b \n {%- endif -%} \n c", "abc")]
    [InlineData("a\n  {%+ if yes %}b{% endif +%}\nc", "a\n  b\nc")]
    [InlineData(" {#- c -#} \n x", "x")]
    [InlineData("  {# c #}\nx", "x")]
    [InlineData("  {#+ c +#}\nx", "  \nx")]
    [InlineData("x {% if yes %} y {% endif %} z", "x  y  z")]
    [InlineData("\n\n{% if yes %}\n\na{% endif %}", "\n\n\na")]
    [InlineData("{%- for x in numbers %}\n    {{- x }},\n{%- endfor %}\n", "3,1,2,")]
    [InlineData("{{- 1 -}}  \n  {{ 2 }}", "12")]
    [InlineData("a\r\n{% if yes %}\r\nb\rc{% endif %}\r\n", "a\nb\nc")]
    [InlineData("  {% raw %}\n  {{ x }}\n  {% endraw %}\n  y", "\n  {{ x }}\n  y")]
    [InlineData("{%- raw -%}  a  {%- endraw -%}  b", "ab")]
    [InlineData("{% raw %} a {%+ endraw +%}\nb", " a \nb")]
    [InlineData("{{\"}}\"}} {{ {\"a\": {\"b\": 1}} }} {{ \"{%\" }}", "}} {'a': {'b': 1}} {%")]
    [InlineData("{", "{")]
    [InlineData("{ {% if yes %}%}{% endif %} }} #}", "{ %} }} #}")]
    [InlineData("{%if yes%}a{%endif%}", "a")]
    [InlineData("{{-1}} {{- 1}}", "11")]
    [InlineData("\t{% set x = 1 %}\t\n{{ x }}", "\t\n1")]
    [InlineData("{% set x = \"a\nb\" %}{{ x }}", "a\nb")]
    [InlineData("x\u00a0 {%- if yes %}y{% endif %}", "xy")]
    public void Whitespace(string template, string expected) =>
        Assert.Equal(expected, TemplateCase.Output(template));
}
