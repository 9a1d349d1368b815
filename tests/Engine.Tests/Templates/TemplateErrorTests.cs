using NvStream.Tokenization.Templates;
using Xunit;

namespace NvStream.Tests.Templates;

public class TemplateErrorTests
{
    [Theory]
    [InlineData("a\n  {{ 1 | nope }}", "the filter 'nope'", 2, 10)]
    [InlineData("{{ 1 is nope }}", "the test 'nope'", 1, 9)]
    [InlineData("{% include 'x' %}", "the tag 'include'", 1, 4)]
    [InlineData("\n\n{% do x %}", "the tag 'do'", 3, 4)]
    [InlineData("{{ nope(1) }}", "the function 'nope'", 1, 8)]
    [InlineData("{{ 'a'.nope() }}", "the method 'nope' of type 'str'", 1, 12)]
    [InlineData("{{ numbers.nope() }}", "the method 'nope' of type 'list'", 1, 16)]
    [InlineData("{{ numbers | map('nope') }}", "the filter 'nope'", 1, 14)]
    [InlineData("{{ numbers | select('nope') }}", "the test 'nope'", 1, 14)]
    [InlineData("{% for x in numbers recursive %}{% endfor %}", "a recursive loop", 1, 21)]
    [InlineData("{{ range(*numbers) }}", "'*' before an argument", 1, 10)]
    [InlineData("{{ dict(**map) }}", "'**' before an argument", 1, 9)]
    [InlineData("{% set map['a'] = 1 %}", "'set' of what stands before '['", 1, 11)]
    [InlineData("{{ 9223372036854775808 }}", "an integer beyond 64 bits", 1, 4)]
    [InlineData("{{ '%c' % 65 }}", "the conversion '%c'", 1, 4)]
    [InlineData("{{ '{:>5}'.format(1) }}", "the format field '{:>5}'", 1, 18)]
    [InlineData("{{ strftime_now('%Q') }}", "the time format '%Q'", 1, 16)]
    [InlineData("{{ text | trim(nope=1) }}", "the argument 'nope' of 'trim'", 1, 11)]
    public void What_is_not_supported_is_named_with_its_place(string template, string construct, int line, int column)
    {
        var error = TemplateCase.Error(template, "ChatTemplateUnsupported");
        Assert.Equal($"The chat template uses {construct}, which is not supported (line {line}, column {column}).", error.Message);
        Assert.Equal((line, column), (error.Line, error.Column));
    }

    [Theory]
    [InlineData("{{ 1 +", "expected an expression, found the end of the template")]
    [InlineData("{{ 1 + }}", "expected an expression, found '}}'")]
    [InlineData("{{ }}", "expected an expression, found '}}'")]
    [InlineData("{{ (1 }}", "unexpected '}'")]
    [InlineData("{{ 1) }}", "unexpected ')'")]
    [InlineData("{{ [1, 2 }}", "unexpected '}'")]
    [InlineData("{{ 1 1 }}", "expected '}}', found '1'")]
    [InlineData("{{ a. }}", "expected a name after '.', found '}}'")]
    [InlineData("{{ 'a }}", "a string has no end")]
    [InlineData("{{ '\\xZZ' }}", "needs 2 hexadecimal digits")]
    [InlineData("{{ ! }}", "unexpected character '!'")]
    [InlineData("{{ 0x }}", "'0x' is not a number")]
    [InlineData("{{ f(a=1, 2) }}", "a positional argument follows a named one")]
    [InlineData("{{ f(a=1, a=2) }}", "the argument 'a' is given twice")]
    [InlineData("{# a", "a comment has no end")]
    [InlineData("{% raw %}a", "has no '{% endraw %}'")]
    [InlineData("{% if 1 %}a", "expected '{% endif %}', found the end of the template")]
    [InlineData("{% for x in numbers %}{% endif %}", "unexpected '{% endif %}'")]
    [InlineData("{% else %}", "unexpected '{% else %}'")]
    [InlineData("{% %}", "expected the name of a tag, found '%}'")]
    [InlineData("{% for 1 in numbers %}{% endfor %}", "expected a name to assign to, found '1'")]
    [InlineData("{% set true = 1 %}", "'true' cannot be assigned to")]
    [InlineData("{% break %}", "'break' outside of a loop")]
    [InlineData("{% for x in numbers %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}", "'continue' outside of a loop")]
    [InlineData("{% macro m(a=1, b) %}{% endmacro %}", "the parameter 'b' without a default follows one that has a default")]
    [InlineData("{% call 1 %}{% endcall %}", "a call block needs a call")]
    public void A_syntax_error_says_what_was_found(string template, string what)
    {
        var error = Assert.Throws<TemplateException>(() => ChatTemplate.Parse(template));
        Assert.Equal("ChatTemplateUnsupported", error.ErrorId);
        Assert.Contains(what, error.Message);
        Assert.Matches(@"\(line \d+, column \d+\)\.$", error.Message);
    }

    [Theory]
    [InlineData("missing.x", "'missing' is undefined")]
    [InlineData("missing[0]", "'missing' is undefined")]
    [InlineData("missing + 1", "'missing' is undefined")]
    [InlineData("1 < missing", "'missing' is undefined")]
    [InlineData("missing | int", "'missing' is undefined")]
    [InlineData("map.q.r", "a value of type 'dict' has no attribute 'q'")]
    [InlineData("numbers[9].x", "a value of type 'list' has no item 9")]
    [InlineData("nothing.strip()", "a value of type 'NoneType' has no attribute 'strip'")]
    [InlineData("''.__class__.__mro__", "a value of type 'str' has no attribute '__class__'")]
    [InlineData("'a' + 1", "'+' cannot take values of types 'str' and 'int'")]
    [InlineData("'a' + none", "'+' cannot take values of types 'str' and 'NoneType'")]
    [InlineData("1 < 'a'", "values of types 'int' and 'str' have no order")]
    [InlineData("1 in 'a'", "'in' a string needs a string on its left, not 'int'")]
    [InlineData("1 in 1", "a value of type 'int' is not iterable")]
    [InlineData("1 / 0", "division by zero")]
    [InlineData("1.0 % 0", "division by zero")]
    [InlineData("0 ** -1", "division by zero")]
    [InlineData("nothing | length", "a value of type 'NoneType' has no length")]
    [InlineData("missing | tojson", "a value of type 'Undefined' cannot be written as JSON")]
    [InlineData("numbers[::0]", "a slice's step cannot be zero")]
    [InlineData("numbers['a':]", "slice indices must be integers or none, not 'str'")]
    [InlineData("{[]: 1}", "a list cannot be the key of a dict")]
    [InlineData("5()", "a value of type 'int' cannot be called")]
    [InlineData("text.index('q')", "index() of a substring that is not found")]
    [InlineData("'%s %s' % 'a'", "the format has more conversions than values")]
    [InlineData("'%s' % (1, 2)", "the format has fewer conversions than values")]
    [InlineData("range(1, 2, 0)", "the step of a range cannot be zero")]
    [InlineData("'a'.split('')", "split() by an empty separator")]
    [InlineData("numbers | map('upper') | last", "'last' cannot go backwards through a value of type 'generator'")]
    [InlineData("text | replace('a')", "'replace' needs the argument 'new'")]
    [InlineData("text | upper(1)", "'upper' takes at most 0 arguments, not 1")]
    public void An_expression_without_a_value_fails_and_says_why(string expression, string why)
    {
        var error = TemplateCase.Error($"\n {{{{ {expression} }}}}", "ChatTemplateFailed");
        Assert.StartsWith($"The chat template failed: {why} (line 2, column ", error.Message);
    }

    [Theory]
    [InlineData("{% set a, b = 1, 2, 3 %}", "2 names cannot take more values")]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}", "2 names cannot take fewer values")]
    [InlineData("{% set text.a = 1 %}", "'text' is not a namespace, so its attribute 'a' cannot be set")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "the macro 'm' takes at most 1 arguments, not 2")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "the macro 'm' has no parameter 'b'")]
    [InlineData("{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}", "the macro 'm' has no parameter 'caller'")]
    [InlineData("{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "the function 'caller'")]
    public void A_statement_that_cannot_be_carried_out_says_why(string template, string why)
    {
        var error = Assert.Throws<TemplateException>(() => TemplateCase.Output(template));
        Assert.Contains(why, error.Message);
    }

    [Fact]
    public void Raise_exception_rejects_with_the_templates_own_words()
    {
        var error = TemplateCase.Error("{% if yes %}\n{{ raise_exception('No ' ~ text ~ '!') }}{% endif %}", "ChatTemplateRejected");
        Assert.Equal("No Hello, World!", error.Message);
        Assert.Equal(2, error.Line);
    }

    [Fact]
    public void An_unknown_filter_or_test_in_a_branch_that_is_not_taken_does_no_harm()
    {
        Assert.Equal("ok", TemplateCase.Output("{% if nothing %}{{ 1 | nope }}{% for x in numbers %}{{ x is nope }}{% endfor %}{% else %}ok{% endif %}"));
        var error = TemplateCase.Error("{% if yes %}{{ 1 | nope }}{% endif %}", "ChatTemplateUnsupported");
        Assert.Contains("the filter 'nope'", error.Message);
        Assert.Contains("the test 'nope'", TemplateCase.Error("{% if yes %}{{ 1 is nope }}{% endif %}", "ChatTemplateUnsupported").Message);
    }
}
