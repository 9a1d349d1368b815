using NvStream.Inference;

namespace NvStream.Tests.Inference;

public sealed class AnswerTextTests
{
    [Fact]
    public void A_stop_text_across_pieces_is_found_and_never_shown()
    {
        var shown = new List<string>();
        var text = new AnswerText(["</end>", "STOP"], 16, shown.Add);
        Assert.False(text.Append("abc</"));
        Assert.Equal("abc", string.Concat(shown));
        Assert.False(text.Append("en"));
        Assert.False(text.Append("x S"));
        Assert.Equal("abc</enx ", string.Concat(shown));
        Assert.True(text.Append("TOP and more"));
        Assert.Equal("abc</enx ", text.Finish());
        Assert.Equal("abc</enx ", string.Concat(shown));
    }

    [Fact]
    public void The_first_of_several_stop_texts_counts()
    {
        var text = new AnswerText(["cd", "bcde"], 16, null);
        Assert.True(text.Append("abcdef"));
        Assert.Equal("a", text.Finish());
    }

    [Fact]
    public void What_was_held_back_comes_out_at_the_end()
    {
        var shown = new List<string>();
        var text = new AnswerText(["###"], 16, shown.Add);
        Assert.False(text.Append("a##"));
        Assert.Equal("a##", text.Finish());
        Assert.Equal(["a", "##"], shown);
    }

    [Fact]
    public void Random_pieces_give_what_a_search_of_the_whole_gives()
    {
        var random = new Random(3);
        for (var round = 0; round < 2000; round++)
        {
            var whole = new string([.. Enumerable.Range(0, 30).Select(_ => "ab"[random.Next(2)])]);
            string[] stops = [.. Enumerable.Range(0, 1 + random.Next(2)).Select(_ => new string([.. Enumerable.Range(0, 2 + random.Next(6)).Select(_ => "ab"[random.Next(2)])]))];
            var shown = new List<string>();
            var text = new AnswerText(stops, 16, shown.Add);
            var position = 0;
            var isStopped = false;
            while (position < whole.Length && !isStopped)
            {
                var length = Math.Min(1 + random.Next(4), whole.Length - position);
                isStopped = text.Append(whole.Substring(position, length));
                position += length;
            }

            // With several stop texts, one that ends earlier may be found before one that began earlier.
            var result = text.Finish();
            Assert.Equal(result, string.Concat(shown));
            Assert.StartsWith(result, whole, StringComparison.Ordinal);
            Assert.Equal(isStopped, stops.Any(s => whole[..position].Contains(s, StringComparison.Ordinal)));
            Assert.DoesNotContain(stops, s => result.Contains(s, StringComparison.Ordinal));
        }
    }
}
