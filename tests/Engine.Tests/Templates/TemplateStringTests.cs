using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Methods of strings, and formats. Expected values are Jinja2's, under CPython.</summary>
public class TemplateStringTests
{
    [Theory]
    [InlineData("'xxabcxx'.strip('x')", "abc")]
    [InlineData("'xxabcxx'.lstrip('xa')", "bcxx")]
    [InlineData("'xxabcxx'.rstrip('cx')", "xxab")]
    [InlineData("' \\x1c a \\x85'.strip()", "a")]
    [InlineData("'😀a😀'.strip('😀')", "a")]
    [InlineData("text.strip('')", "Hello, World")]
    [InlineData("text.upper() ~ text.lower()", "HELLO, WORLDhello, world")]
    [InlineData("\"they're bill's\".title()", "They'Re Bill'S")]
    [InlineData("'hELLO wORLD'.capitalize()", "Hello world")]
    [InlineData("'straße'.upper()", "STRASSE")]
    [InlineData("'ßa'.capitalize()", "Ssa")]
    [InlineData("text.startswith('Hell')", "True")]
    [InlineData("text.startswith(('x', 'H'))", "True")]
    [InlineData("text.endswith('ld')", "True")]
    [InlineData("text.endswith(('a', 'b'))", "False")]
    [InlineData("text.startswith('ello', 1)", "True")]
    [InlineData("text.find('o')", "4")]
    [InlineData("text.rfind('o')", "8")]
    [InlineData("text.find('zz')", "-1")]
    [InlineData("text.find('o', 5)", "8")]
    [InlineData("text.find('o', -4, -1)", "8")]
    [InlineData("text.find('', 50)", "-1")]
    [InlineData("emoji.find('b')", "2")]
    [InlineData("emoji.rfind('z')", "5")]
    [InlineData("emoji.find('z', 3)", "5")]
    [InlineData("'aaaa'.rfind('aa')", "2")]
    [InlineData("text.index('W')", "7")]
    [InlineData("text.count('o')", "2")]
    [InlineData("text.count('')", "13")]
    [InlineData("'aaaa'.count('aa')", "2")]
    [InlineData("text.replace('o', '0')", "Hell0, W0rld")]
    [InlineData("text.replace('o', '0', 1)", "Hell0, World")]
    [InlineData("'abc'.replace('', '-')", "-a-b-c-")]
    [InlineData("'abc'.replace('', '-', 2)", "-a-bc")]
    [InlineData("emoji.replace('', '.')", ".a.😀.b.é.🚀.z.")]
    [InlineData("','.join(['a', 'b'])", "a,b")]
    [InlineData("text.join('ab')", "aHello, Worldb")]
    [InlineData("text.partition(',')", "('Hello', ',', ' World')")]
    [InlineData("text.rpartition('o')", "('Hello, W', 'o', 'rld')")]
    [InlineData("text.partition('zz')", "('Hello, World', '', '')")]
    [InlineData("text.rpartition('zz')", "('', '', 'Hello, World')")]
    [InlineData("text.removeprefix('Hello')", ", World")]
    [InlineData("text.removesuffix('World')", "Hello, ")]
    public void Methods(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("'a,b,c'.split(',')", "['a', 'b', 'c']")]
    [InlineData("'a,b,c'.split(',', 1)", "['a', 'b,c']")]
    [InlineData("'a,b,c'.split(',', 0)", "['a,b,c']")]
    [InlineData("'a,b,c'.rsplit(',', 1)", "['a,b', 'c']")]
    [InlineData("'a,b,c'.split(sep=',', maxsplit=1)", "['a', 'b,c']")]
    [InlineData("' a b  c '.split()", "['a', 'b', 'c']")]
    [InlineData("' a b  c '.split(none, 1)", "['a', 'b  c ']")]
    [InlineData("' a b  c '.rsplit(none, 1)", "[' a b', 'c']")]
    [InlineData("''.split(',')", "['']")]
    [InlineData("''.split()", "[]")]
    [InlineData("'a'.split('ab')", "['a']")]
    [InlineData("'aaa'.split('aa')", "['', 'a']")]
    [InlineData("'aaa'.rsplit('aa', 1)", "['a', '']")]
    [InlineData("'x</think>y</think>z'.split('</think>')[-1]", "z")]
    [InlineData("'\\n a\\r\\nb\\x0bc\\u2028d\\n'.splitlines()", "['', ' a', 'b', 'c', 'd']")]
    [InlineData("'a\\n\\nb'.splitlines(true)", "['a\\n', '\\n', 'b']")]
    [InlineData("''.splitlines()", "[]")]
    public void Splits(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("'123'.isdigit()", "True")]
    [InlineData("'1.5'.isdigit()", "False")]
    [InlineData("''.isdigit()", "False")]
    [InlineData("'²'.isdigit()", "True")]
    [InlineData("'²'.isdecimal()", "False")]
    [InlineData("'½'.isnumeric()", "True")]
    [InlineData("'abc'.isalpha()", "True")]
    [InlineData("'ab1'.isalnum()", "True")]
    [InlineData("'  '.isspace()", "True")]
    [InlineData("'AB1'.isupper()", "True")]
    [InlineData("'ab1'.islower()", "True")]
    [InlineData("'1'.isupper()", "False")]
    public void Character_tests(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("'%s-%d-%.2f' % ('a', 3, 2.675)", "a-3-2.67")]
    [InlineData("'%5.1f|%-5s|%05d|%x|%X|%r|%%' % (1.25, 'a', 42, 255, 255, 'q')", "  1.2|a    |00042|ff|FF|'q'|%")]
    [InlineData("'%(a)s %(b)d' % {'a': 1, 'b': 2}", "1 2")]
    [InlineData("'%+d % d' % (3, 4)", "+3  4")]
    [InlineData("'%.3s|' % 'abcdef'", "abc|")]
    [InlineData("'%5s|%-5s|' % ('é', '😀')", "    é|😀    |")]
    [InlineData("'%.0f %.0f %.0f' % (0.5, 1.5, 2.5)", "0 2 2")]
    [InlineData("'%08.3f' % -3.14159", "-003.142")]
    [InlineData("'%d' % 3.9", "3")]
    [InlineData("'%s %s' | format('a', 'b')", "a b")]
    [InlineData("'%(x)s' | format(x=2)", "2")]
    public void Percent_formats(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("'{} {}'.format(1, 2)", "1 2")]
    [InlineData("'{1} {0}'.format(1, 2)", "2 1")]
    [InlineData("'{a} {b!r}'.format(a='x', b='y')", "x 'y'")]
    [InlineData("'{{}}'.format()", "{}")]
    public void Brace_formats(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));
}
