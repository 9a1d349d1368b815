using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Tags and their scopes. Expected values are Jinja2's, under CPython.</summary>
public class TemplateStatementTests
{
    [Theory]
    [InlineData("{% if yes %}a{% elif missing.x %}b{% else %}c{% endif %}", "a")]
    [InlineData("{% if nothing %}a{% elif yes %}b{% else %}c{% endif %}", "b")]
    [InlineData("{% if nothing %}a{% elif '' %}b{% else %}c{% endif %}", "c")]
    [InlineData("{% if yes: %}a{% endif %}", "a")]
    [InlineData("{% if yes %}{% set x = 1 %}{% endif %}{{ x }}", "1")]
    public void If(string template, string expected) =>
        Assert.Equal(expected, TemplateCase.Output(template));

    [Theory]
    [InlineData("{% for x in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}", "1032TrueFalse3 2121FalseFalse3 3210FalseTrue3 ")]
    [InlineData("{% for x in numbers %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}", "<3>1 3<1>2 1<2> ")]
    [InlineData("{% for x in numbers %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }} {% endfor %}", "aTrue bTrue aTrue ")]
    [InlineData("{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=x;items=[1];")]
    [InlineData("{% for k in map %}{{ k }}{% endfor %}", "baitems")]
    [InlineData("{% for (a, (b, c)) in [(1, (2, 3))] %}{{ a + b + c }}{% endfor %}", "6")]
    [InlineData("{% for c in emoji %}{{ c }}.{% endfor %}", "a.😀.b.é.🚀.z.")]
    [InlineData("{% for x in 1, 2 %}{{ x }}{% endfor %}", "12")]
    [InlineData("{% for x in empty %}x{% else %}none{% endfor %}", "none")]
    [InlineData("{% for x in missing %}x{% else %}none{% endfor %}", "none")]
    [InlineData("{% for x in numbers if x > 1 %}{{ x }}{{ loop.length }}{% else %}none{% endfor %}", "3222")]
    [InlineData("{% for x in numbers if x > 9 %}{{ x }}{% else %}none{% endfor %}", "none")]
    [InlineData("{% for x in numbers %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "32")]
    [InlineData("{% for x in numbers %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "3")]
    [InlineData("{% for x in numbers %}{% break %}{% else %}E{% endfor %}", "E")]
    [InlineData("{% set ns = namespace(done=false) %}{% for x in numbers if not ns.done %}{{ x }}{% if x == 1 %}{% set ns.done = true %}{% endif %}{% endfor %}", "31")]
    [InlineData("{% for x in numbers %}{% for y in numbers %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}", "1231 1232 1233 ")]
    [InlineData("{% for x in turns[::-1] %}{{ x.role }} {% endfor %}", "assistant user system ")]
    [InlineData("{% for x in numbers %}{{ loop }}{% endfor %}{{ loop }}", "<LoopContext 1/3><LoopContext 2/3><LoopContext 3/3>")]
    public void For(string template, string expected) =>
        Assert.Equal(expected, TemplateCase.Output(template));

    [Theory]
    [InlineData("{% set x = 1 %}{{ x }}", "1")]
    [InlineData("{% set x, y = 1, 2 %}{{ x }}{{ y }}", "12")]
    [InlineData("{% set x = 1, 2 %}{{ x }}", "(1, 2)")]
    [InlineData("{% set x = 1 %}{% for i in numbers %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "1311121")]
    [InlineData("{% for i in numbers %}{{ x }}{% set x = i %}{% endfor %}{{ x }}", "")]
    [InlineData("{% set ns = namespace(n=0) %}{% for i in numbers %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6")]
    [InlineData("{% set x %}a{{ 1 }}{% set y = 2 %}{% endset %}[{{ x }}{{ y }}]", "[a1]")]
    [InlineData("{% set x | upper | trim %} a {% endset %}[{{ x }}]", "[A]")]
    [InlineData("{% set list = [] %}{% for i in numbers %}{% set _ = list.append(i) %}{% endfor %}{{ list }}{{ _ }}", "[3, 1, 2]")]
    [InlineData("{% set m = {'a': 1} %}{% set _ = m.update({'b': 2}, c=3) %}{{ m }}{{ m.pop('a') }}{{ m.setdefault('d', 4) }}{{ m }}", "{'a': 1, 'b': 2, 'c': 3}14{'b': 2, 'c': 3, 'd': 4}")]
    [InlineData("{% set l = [1, 2, 3] %}{{ l.pop() }}{{ l.pop(0) }}{% set _ = l.insert(0, 9) %}{% set _ = l.extend((7, 8)) %}{{ l }}", "31[9, 2, 7, 8]")]
    [InlineData("{% with x = 5, y = yes %}{{ x }}{{ y }}{% set z = 1 %}{% endwith %}{{ x }}{{ z }}", "5True")]
    public void Set_and_its_scope(string template, string expected) =>
        Assert.Equal(expected, TemplateCase.Output(template));

    [Theory]
    [InlineData("{% macro m(a, b=2) %}[{{ a }}|{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}{{ m() }}", "[1|2][1|3][5|4][|2]")]
    [InlineData("{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "11")]
    [InlineData("{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "1(2, 3){'x': 4}")]
    [InlineData("{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "3210")]
    [InlineData("{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}", "1")]
    [InlineData("{% macro m() %}{{ i }}{% endmacro %}{% for i in numbers %}{{ m() }}{% endfor %}", "")]
    [InlineData("{% macro m() %}{% set x = 1 %}{% endmacro %}{{ m() }}{{ x }}", "")]
    [InlineData("{% macro m(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call m('b') %}in{{ 1 }}{% endcall %}", "<b>in1</b>")]
    [InlineData("{% macro m() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}{% call(x) m() %}[{{ x }}]{% endcall %}", "[1][2]")]
    [InlineData("{% macro m() %} a {% endmacro %}{{ m() | trim }}|{{ m() | length }}", "a|3")]
    public void Macros_and_calls(string template, string expected) =>
        Assert.Equal(expected, TemplateCase.Output(template));

    [Theory]
    [InlineData("{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB")]
    [InlineData("{% filter replace('a', 'b') | upper %}a c{% endfilter %}", "B C")]
    [InlineData("{% generation %}a{% set x = 1 %}{% endgeneration %}{{ x }}", "a")]
    [InlineData("{% raw %}{{ x }}{% if %}{% endraw %}!", "{{ x }}{% if %}!")]
    [InlineData("{# a comment {{ x }} #}b", "b")]
    public void Filter_generation_and_raw_blocks(string template, string expected) =>
        Assert.Equal(expected, TemplateCase.Output(template));
}
