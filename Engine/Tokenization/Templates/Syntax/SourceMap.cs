namespace NvStream.Tokenization.Templates;

/// <summary>Line and column of every offset of a source whose line breaks are all <c>\n</c>.</summary>
sealed class SourceMap
{
    readonly List<int> _lineStarts = [0];

    public SourceMap(string source)
    {
        for (int i = source.IndexOf('\n'); i >= 0; i = source.IndexOf('\n', i + 1))
        {
            _lineStarts.Add(i + 1);
        }
    }

    public Position this[int offset]
    {
        get
        {
            int index = _lineStarts.BinarySearch(offset);
            int line = index >= 0 ? index : ~index - 1;
            return new Position(line + 1, offset - _lineStarts[line] + 1);
        }
    }
}
