using System.Diagnostics;
using NvStream.Tokenization.Templates;
using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>Templates damaged at random: whatever comes of it, it is a text or a <see cref="TemplateException"/>, and soon.</summary>
public class TemplateMutationTests
{
    const int Mutations = 20_000;

    static readonly string[] Pieces =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "*", "**", "/", "//", "%", "~", "|", ".", ",", ":", "(", ")", "[", "]", "{", "}",
        "==", "<", "=", "'", "\"", "\\", "\n", "\r\n", " ", "0", "1", "-1", "99999999999", "1.5", "x", "é", "😀", "\ud800", "\0",
        " in ", " not ", " is ", " if ", " else ", " and ", " or ", " none ", "{% endif %}", "{% endfor %}", "{% for x in messages %}",
        "{% if x %}", "{% else %}", "{% set x = messages %}", "{% break %}", "{% raw %}", "| trim", "| length", "| tojson", "| list",
        "| map('upper')", "| join", "| sort", "[::-1]", "[1:]", ".split('e')", "loop.last", "messages", "range(9)", "namespace(a=1)",
        "is defined", "is string", "bos_token", "(messages * 9)", "{% macro m(x) %}", "{% endmacro %}", "{{ m(1) }}",
    ];

    [Fact]
    public void Any_mutation_of_a_fixture_renders_or_throws_soon()
    {
        string[] sources = Directory.GetFiles(Fixtures.Shared("templates"), "*.jinja").Order().Select(File.ReadAllText).ToArray();
        ChatMessage[] messages = [new("system", "S"), new("user", " Hello 😀\n"), new("assistant", "<think>a</think> b"), new("user", "c")];
        var random = new Random(20_240_705);
        int rendered = 0;
        var slowest = TimeSpan.Zero;
        for (int i = 0; i < Mutations; i++)
        {
            string template = sources[random.Next(sources.Length)];
            for (int edits = random.Next(1, 6); edits > 0; edits--)
            {
                template = Mutate(template, sources, random);
            }

            var watch = Stopwatch.StartNew();
            try
            {
                ChatTemplate.Parse(template).Render(messages, true, "<s>", "</s>");
                rendered++;
            }
            catch (TemplateException)
            {
            }
            catch (Exception error)
            {
                Assert.Fail($"mutation {i}: {error}\n{template}");
            }

            slowest = watch.Elapsed > slowest ? watch.Elapsed : slowest;
        }

        Assert.True(slowest < TimeSpan.FromSeconds(5), $"the slowest took {slowest}");
        Assert.InRange(rendered, Mutations / 50, Mutations - Mutations / 50);
    }

    static string Mutate(string template, string[] sources, Random random)
    {
        int at = random.Next(template.Length + 1);
        int length = random.Next(Math.Min(12, template.Length - at) + 1);
        return random.Next(5) switch
        {
            0 => template.Remove(at, length),
            1 => template.Insert(at, Pieces[random.Next(Pieces.Length)]),
            2 => template.Remove(at, length).Insert(at, Pieces[random.Next(Pieces.Length)]),
            3 => template.Insert(random.Next(template.Length + 1), template.Substring(at, length)),
            _ => Splice(template, at, sources[random.Next(sources.Length)], random),
        };
    }

    static string Splice(string template, int at, string other, Random random)
    {
        int from = random.Next(other.Length);
        return template.Insert(at, other.Substring(from, random.Next(Math.Min(60, other.Length - from) + 1)));
    }
}
