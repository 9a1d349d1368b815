using NvStream.Inference.Speculation;

namespace NvStream.Tests.Inference;

public sealed class LookupIndexTests
{
    [Fact]
    public void What_followed_the_longest_agreement_is_proposed()
    {
        int[] tokens = [1, 2, 3, 4, 9, 2, 3, 5, 9, 9, 1, 2, 3];
        Assert.Equal([4, 9, 2], Propose(tokens, 3, out var match));
        Assert.Equal(3, match);
    }

    [Fact]
    public void Of_equal_agreements_the_latest_is_taken()
    {
        Assert.Equal([8, 0], Propose([7, 1, 2, 5, 6, 1, 2, 8, 0, 1, 2], 2, out var match));
        Assert.Equal(2, match);
    }

    [Fact]
    public void A_repetition_is_proposed_to_go_on()
    {
        Assert.Equal([5, 6, 5, 6, 5], Propose([5, 6, 5, 6], 5, out var match));
        Assert.Equal(2, match);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 1 })]
    [InlineData(new[] { 1, 1 })]
    [InlineData(new[] { 1, 2, 3, 2, 1 })]
    public void Without_an_earlier_place_nothing_is_proposed(int[] tokens)
    {
        Assert.Empty(Propose(tokens, 4, out var match));
        Assert.Equal(0, match);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(40)]
    public void A_growing_sequence_is_found_as_a_search_from_its_beginning_finds_it(int vocabulary)
    {
        const int Length = 600;
        var random = new Random(vocabulary);
        var tokens = new int[Length + 16];
        var index = new LookupIndex(Length + 16);
        for (var count = 1; count < Length;)
        {
            for (var grown = random.Next(1, 5); grown > 0; grown--)
            {
                tokens[count++] = random.Next(vocabulary);
            }

            var proposed = index.Propose(tokens.AsSpan(0, count), tokens.AsSpan(count, 8), out var match);
            var expected = LongestAgreement(tokens.AsSpan(0, count));
            if (vocabulary >= 40)
            {
                // A pair has few places here: all of them are compared.
                Assert.Equal(expected >= 2 ? expected : 0, match);
            }

            Assert.InRange(match, 0, Math.Min(32, expected));
            Assert.Equal(match > 0 ? 8 : 0, proposed);
            Assert.True(match == 0 || Follows(tokens, count, match), "what is proposed stands behind an equal run of tokens");
        }
    }

    static int LongestAgreement(ReadOnlySpan<int> tokens)
    {
        var longest = 0;
        for (var end = 1; end < tokens.Length; end++)
        {
            var length = 0;
            while (length < end && tokens[end - 1 - length] == tokens[^(1 + length)])
            {
                length++;
            }

            longest = Math.Max(longest, length);
        }

        return longest;
    }

    static bool Follows(int[] tokens, int count, int match)
    {
        for (var end = match; end < count; end++)
        {
            if (tokens.AsSpan(end - match, match).SequenceEqual(tokens.AsSpan(count - match, match))
                && tokens.AsSpan(end, 8).SequenceEqual(tokens.AsSpan(count, 8)))
            {
                return true;
            }
        }

        return false;
    }

    static int[] Propose(int[] tokens, int most, out int match)
    {
        var proposed = new int[most];
        var count = new LookupIndex(Math.Max(1, tokens.Length)).Propose(tokens, proposed, out match);
        return proposed[..count];
    }
}
