using Xunit;

namespace NvStream.Tests.Templates;

/// <summary>What printing a value writes: Python's str and repr, and JSON. Expected values are Jinja2's, under CPython.</summary>
public class TemplatePrintingTests
{
    [Theory]
    [InlineData("1e16", "1e+16")]
    [InlineData("1e15", "1000000000000000.0")]
    [InlineData("0.0001", "0.0001")]
    [InlineData("0.00001", "1e-05")]
    [InlineData("123456789.123", "123456789.123")]
    [InlineData("1 / 3", "0.3333333333333333")]
    [InlineData("1e22", "1e+22")]
    [InlineData("1e23", "1e+23")]
    [InlineData("9.999999999999999e22", "1e+23")]
    [InlineData("5e-324", "5e-324")]
    [InlineData("1.7976931348623157e308", "1.7976931348623157e+308")]
    [InlineData("0.1 + 0.2", "0.30000000000000004")]
    [InlineData("100.0", "100.0")]
    [InlineData("-0.0", "-0.0")]
    [InlineData("1e400", "inf")]
    [InlineData("-1e400", "-inf")]
    [InlineData("1234567890123456789", "1234567890123456789")]
    public void Floats_are_the_shortest_that_read_back(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("[none, true, false, 1.0, 'x']", "[None, True, False, 1.0, 'x']")]
    [InlineData("{'a': ('t',), 2: none}", "{'a': ('t',), 2: None}")]
    [InlineData("quotes", "it's \"q\"\t\n")]
    [InlineData("[quotes]", "['it\\'s \"q\"\\t\\n']")]
    [InlineData("[\"it's\"]", "[\"it's\"]")]
    [InlineData("['\"']", "['\"']")]
    [InlineData("['\\x07\\x7f\\x80\\xa0\\u2028\\U000e0001é😀']", "['\\x07\\x7f\\x80\\xa0\\u2028\\U000e0001é😀']")]
    [InlineData("[missing]", "[Undefined]")]
    [InlineData("range(3)", "range(0, 3)")]
    [InlineData("range(1, 7, 2)", "range(1, 7, 2)")]
    [InlineData("map.items()", "dict_items([('b', 1), ('a', 'x'), ('items', [1])])")]
    [InlineData("map.keys()", "dict_keys(['b', 'a', 'items'])")]
    [InlineData("map.values()", "dict_values([1, 'x', [1]])")]
    [InlineData("namespace(a=1)", "<Namespace {'a': 1}>")]
    public void Containers_print_as_Python_writes_them(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("turns | tojson", "[{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \" hi \\n\"}, {\"role\": \"assistant\", \"content\": \"<think>x</think>yo\"}]")]
    [InlineData("map | tojson", "{\"b\": 1, \"a\": \"x\", \"items\": [1]}")]
    [InlineData("map | tojson(indent=2)", "{\n  \"b\": 1,\n  \"a\": \"x\",\n  \"items\": [\n    1\n  ]\n}")]
    [InlineData("[] | tojson(indent=2)", "[]")]
    [InlineData("[[1], {}] | tojson(indent=0)", "[\n[\n1\n],\n{}\n]")]
    [InlineData("quotes | tojson", "\"it's \\\"q\\\"\\t\\n\"")]
    [InlineData("emoji | tojson", "\"a😀bé🚀z\"")]
    [InlineData("emoji | tojson(ensure_ascii=true)", "\"a\\ud83d\\ude00b\\u00e9\\ud83d\\ude80z\"")]
    [InlineData("'\\x7f\\x80' | tojson(true)", "\"\\u007f\\u0080\"")]
    [InlineData("'<a>&\\'\"/' | tojson", "\"<a>&'\\\"/\"")]
    [InlineData("'\\x00\\x1f\\b\\f' | tojson", "\"\\u0000\\u001f\\b\\f\"")]
    [InlineData("[1.0, 1e20, true, none] | tojson", "[1.0, 1e+20, true, null]")]
    [InlineData("{1: 2, none: 4, 1.5: 5, true: 3} | tojson", "{\"1\": 3, \"null\": 4, \"1.5\": 5}")]
    [InlineData("(1, 2) | tojson", "[1, 2]")]
    [InlineData("map | tojson(sort_keys=true)", "{\"a\": \"x\", \"b\": 1, \"items\": [1]}")]
    [InlineData("map | tojson(separators=(',', ':'))", "{\"b\":1,\"a\":\"x\",\"items\":[1]}")]
    [InlineData("{'b': 1, 'a': {'d': [1], 'c': 2}} | tojson(indent=2, sort_keys=true)", "{\n  \"a\": {\n    \"c\": 2,\n    \"d\": [\n      1\n    ]\n  },\n  \"b\": 1\n}")]
    [InlineData("[[1]] | tojson(indent='--')", "[\n--[\n----1\n--]\n]")]
    [InlineData("1e400 | tojson", "Infinity")]
    public void Json_is_that_of_the_Hugging_Face_libraries(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));

    [Theory]
    [InlineData("missing", "")]
    [InlineData("missing | upper", "")]
    [InlineData("missing | length", "0")]
    [InlineData("missing | list", "[]")]
    [InlineData("missing | join(',')", "")]
    [InlineData("missing | string", "")]
    [InlineData("missing | trim", "")]
    [InlineData("missing | replace('a', 'b')", "")]
    [InlineData("missing | sort", "[]")]
    [InlineData("missing | sum", "0")]
    [InlineData("missing | map('upper') | list", "[]")]
    [InlineData("missing | items | list", "[]")]
    [InlineData("missing | first is defined", "False")]
    [InlineData("missing | default('d')", "d")]
    [InlineData("missing is none", "False")]
    [InlineData("missing | min is defined", "False")]
    public void Undefined_prints_as_nothing_and_acts_empty(string expression, string expected) =>
        Assert.Equal(expected, TemplateCase.Value(expression));
}
