using NvStream.Inference;

namespace NvStream.Tests.Inference;

public sealed class SamplerTests
{
    static readonly SamplingOptions Everything = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0 };

    [Fact]
    public void Greedy_takes_the_largest_and_the_first_of_equals()
    {
        Assert.Equal(1, Next([1, 3, 3, 2], new() { Temperature = 0 }));
        Assert.Equal(2, Next([float.NaN, -2, -1, float.NegativeInfinity], new() { Temperature = 0 }));
    }

    [Theory]
    [InlineData(1.0f)]
    [InlineData(0.5f)]
    public void Draws_follow_the_softmax_at_the_temperature(float temperature)
    {
        float[] logits = [0, 1, 2, -1];
        var weights = logits.Select(l => Math.Exp(l / temperature)).ToArray();
        var counts = Draw(logits, Everything with { Temperature = temperature }, 20_000);
        for (var i = 0; i < logits.Length; i++)
        {
            Assert.Equal(weights[i] / weights.Sum(), counts[i] / 20_000.0, 0.015);
        }
    }

    [Fact]
    public void Filters_keep_what_they_should()
    {
        // Probabilities 0.5, 0.25, 0.15, 0.1.
        float[] logits = [MathF.Log(0.15f), MathF.Log(0.5f), MathF.Log(0.1f), MathF.Log(0.25f)];
        Assert.Equal([1, 3], Seen(logits, Everything with { TopK = 2 }));
        Assert.Equal([0, 1, 3], Seen(logits, Everything with { TopP = 0.8f }));
        Assert.Equal([1], Seen(logits, Everything with { TopP = 0.4f }));
        Assert.Equal([0, 1, 3], Seen(logits, Everything with { MinP = 0.25f }));
        Assert.Equal([0, 1, 2, 3], Seen(logits, Everything));
        Assert.Equal([1], Seen(logits, Everything with { TopK = 3, TopP = 0.9f, MinP = 0.6f }));
    }

    [Fact]
    public void A_long_list_gives_the_same_candidates_as_a_short_one()
    {
        var random = new Random(1);
        var logits = Enumerable.Range(0, 5000).Select(_ => (float)random.NextDouble() * 5).ToArray();
        var best = Enumerable.Range(0, 5000).OrderByDescending(i => logits[i]).Take(300).ToHashSet();
        Assert.Subset(best, Seen(logits, Everything with { TopK = 300 }).ToHashSet());
        Assert.Subset(best.Take(200).ToHashSet(), Seen(logits, Everything with { TopK = 200 }).ToHashSet());
    }

    [Fact]
    public void The_penalty_lowers_recent_tokens_once()
    {
        var options = new SamplingOptions { Temperature = 0, RepeatPenalty = 2 };
        Assert.Equal(1, Next([4, 3, -1], options, context: [0, 0, 0]));
        Assert.Equal(0, Next([-4, -5, -5], options with { RepeatPenalty = 1.2f }, context: [0]));
        Assert.Equal(1, Next([-4, -5, -5], options, context: [0]));
        Assert.Equal(0, Next([4, 3, 1], options, context: [0, .. Enumerable.Repeat(2, 64)]));
    }

    [Fact]
    public void The_largest_few_logits_give_the_choice_that_all_of_them_give()
    {
        const int Vocabulary = 2000;
        var random = new Random(11);
        var (all, few) = (new Sampler(Vocabulary), new Sampler(Vocabulary));
        var choices = new HashSet<int>();
        for (var round = 0; round < 3000; round++)
        {
            // Coarse steps make many ties; both signs, as a penalty treats them differently.
            var logits = Enumerable.Range(0, Vocabulary).Select(_ => MathF.Round((float)(random.NextDouble() - 0.8) * 40) / 4).ToArray();
            var best = Enumerable.Range(0, Vocabulary).OrderByDescending(i => logits[i]).ThenBy(i => i).ToArray();
            var options = new SamplingOptions
            {
                Temperature = round % 3 == 0 ? 0 : 1.5f,
                TopK = random.Next(1, 257),
                TopP = round % 2 == 0 ? 1 : 0.9f,
                MinP = round % 5 == 0 ? 0.05f : 0,
                RepeatPenalty = round % 4 == 0 ? 1 : 1 + (float)random.NextDouble(),
            };

            // Mostly the best tokens, over and over: the penalty must reach what the candidates hold.
            var context = Enumerable.Range(0, random.Next(150)).Select(_ => best[random.Next(random.Next(1, 200))]).ToArray();
            var wanted = Sampler.CandidatesFor(options);
            Assert.InRange(wanted, 1, Sampler.MostCandidates);
            var ids = best[..(wanted + random.Next(3))];
            var (one, other) = (new SampleState((ulong)round), new SampleState((ulong)round));
            var expected = all.Next([.. logits], context, options, ref one);
            Assert.Equal(expected, few.Next(ids, [.. ids.Select(i => logits[i])], context, options, ref other));
            choices.Add(Array.IndexOf(best, expected));
        }

        Assert.True(choices.Count > 20, "the choices were too much alike to tell");
    }

    [Theory]
    [InlineData(0, 40, 1, 1)]
    [InlineData(0, 0, 1.5, 65)]
    [InlineData(0.7, 40, 1, 40)]
    [InlineData(0.7, 256, 1.1, 320)]
    [InlineData(0.7, 0, 1, 0)]
    [InlineData(0.7, 257, 1, 0)]
    [InlineData(0, 40, 0.9, 0)]
    [InlineData(0.7, 40, float.NaN, 0)]
    public void Options_ask_for_as_many_candidates_as_their_choice_can_depend_on(float temperature, int topK, float penalty, int expected) =>
        Assert.Equal(expected, Sampler.CandidatesFor(new() { Temperature = temperature, TopK = topK, RepeatPenalty = penalty }));

    static int Next(float[] logits, SamplingOptions options, int[]? context = null)
    {
        var state = new SampleState(1);
        return new Sampler(logits.Length).Next([.. logits], context ?? [], options, ref state);
    }

    static int[] Draw(float[] logits, SamplingOptions options, int times)
    {
        var sampler = new Sampler(logits.Length);
        var state = new SampleState(7);
        var counts = new int[logits.Length];
        for (var i = 0; i < times; i++)
        {
            counts[sampler.Next([.. logits], [], options, ref state)]++;
        }

        return counts;
    }

    static IEnumerable<int> Seen(float[] logits, SamplingOptions options) =>
        Draw(logits, options, 2000).Select((count, id) => (count, id)).Where(x => x.count > 0).Select(x => x.id);
}
