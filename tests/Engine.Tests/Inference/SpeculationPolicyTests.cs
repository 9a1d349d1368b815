using NvStream.Inference;
using NvStream.Inference.Speculation;

namespace NvStream.Tests.Inference;

public sealed class SpeculationPolicyTests
{
    const int Most = 15;

    [Fact]
    public void Where_a_row_costs_nothing_as_many_are_proposed_as_there_is_room_for()
    {
        var policy = After(rows => 0.35);
        Assert.Equal(Most, policy.Choose(0.9, 0, Most, 1).Count);
        Assert.Equal(Most, policy.Choose(0.5, 0, Most, 8).Count);
    }

    [Fact]
    public void Where_a_row_costs_as_much_as_a_pass_none_is()
    {
        var policy = After(rows => 0.03 * rows);
        var (count, seconds) = policy.Choose(0.9, 0, Most, 1);
        Assert.Equal(0, count);
        Assert.Equal(0.03, seconds, 1e-6);
        Assert.Equal(0, policy.Choose(0, 0, Most, 1).Count);
    }

    [Theory]
    [InlineData(0.030, 0.006, 0.000, 0.8, 1)]
    [InlineData(0.030, 0.006, 0.000, 0.95, 1)]
    [InlineData(0.030, 0.014, 0.000, 0.7, 1)]
    [InlineData(0.030, 0.001, 0.002, 0.6, 1)]
    [InlineData(0.350, 0.001, 0.002, 0.9, 4)]
    [InlineData(0.030, 0.006, 0.000, 0.8, 8)]
    public void The_number_is_the_one_of_the_highest_rate(double fixedSeconds, double row, double proposal, double acceptance, int sequences)
    {
        var policy = After(rows => fixedSeconds + (row * rows));
        var best = Enumerable.Range(0, Most + 1).MinBy(SecondsPerToken);
        var (count, seconds) = policy.Choose(acceptance, proposal, Most, sequences);
        Assert.InRange(SecondsPerToken(count), 0, 1.01 * SecondsPerToken(best));
        Assert.Equal(SecondsPerToken(count), seconds, 1e-4);

        double SecondsPerToken(int proposed) =>
            (((fixedSeconds + (row * sequences)) / sequences) + (proposed * (row + proposal)))
            / Enumerable.Range(0, proposed + 1).Sum(i => Math.Pow(acceptance, i));
    }

    [Fact]
    public void What_proposing_takes_counts()
    {
        var policy = After(rows => 0.010);
        Assert.Equal(0, policy.Choose(0.9, 0.020, Most, 1).Count);
        Assert.InRange(policy.Choose(0.9, 0.002, Most, 1).Count, 1, Most - 1);
    }

    [Fact]
    public void Before_two_numbers_of_rows_were_seen_a_second_is_tried()
    {
        var policy = new SpeculationPolicy();
        Assert.Equal((0, double.PositiveInfinity), policy.Choose(0.9, 0, Most, 1));
        policy.Learn(1, 0.03);
        Assert.Equal((0, double.PositiveInfinity), policy.Choose(0.9, 0, Most, 1));
        policy.Learn(1, 0.03);
        Assert.Equal(Most, policy.Choose(0.9, 0, Most, 1).Count);
        policy.Learn(16, 0.60);
        Assert.Equal(Most, policy.Choose(0.9, 0, Most, 1).Count);
        policy.Learn(16, 0.60);
        Assert.Equal(0, policy.Choose(0.9, 0, Most, 1).Count);
    }

    [Fact]
    public void Acceptance_is_what_became_of_proposals_and_fades_to_what_was_assumed()
    {
        var acceptance = new Acceptance(0.5);
        Assert.Equal(0.5, acceptance.Rate);
        for (var i = 0; i < 100; i++)
        {
            // Three of eight: three trials that went well and one that did not.
            acceptance.Learn(8, 3);
        }

        Assert.Equal(0.75, acceptance.Rate, 0.01);
        for (var i = 0; i < 1000; i++)
        {
            acceptance.Fade();
        }

        Assert.Equal(0.5, acceptance.Rate, 0.01);
    }

    [Fact]
    public void A_proposal_that_the_answers_end_left_unread_was_not_refused()
    {
        var proposals = new Proposals(SpeculationMode.Lookup, 100);
        var source = new Acceptance(0.5);
        for (var i = 0; i < 100; i++)
        {
            proposals.Set(8, source);
            proposals.Settle(known: 20, accepted: 3, isCut: true);
        }

        Assert.InRange(source.Rate, 0.99, 1);
        Assert.Equal((800, 300, 100), (proposals.Drafted, proposals.Accepted, proposals.Passes));
    }

    [Theory]
    [InlineData(0.350, 0.001, 0.8)]
    [InlineData(0.030, 0.006, 0.8)]
    [InlineData(0.030, 0.006, 0.4)]
    [InlineData(0.010, 0.030, 0.8)]
    public void Auto_is_near_the_best_soon_whatever_passes_were_slow(double fixedSeconds, double row, double acceptance)
    {
        var best = Enumerable.Range(0, Most + 1).Min(count =>
            (fixedSeconds + (row * (count + 1))) / Enumerable.Range(0, count + 1).Sum(i => Math.Pow(acceptance, i)));
        int[][] slow = [[], [0], [1], [2], [30], [0, 1], [60, 90]];
        foreach (var passes in slow)
        {
            foreach (var factor in new[] { 3.0, 30, 1000 })
            {
                var simulation = new Simulation(rows => fixedSeconds + (row * rows), acceptance);
                var last = passes.LastOrDefault();
                simulation.Run(last + 1, pass => passes.Contains(pass) ? factor : 1);
                simulation.Run(passes.Length > 1 ? 90 : 30, _ => 1);
                var soon = simulation.Run(300, _ => 1);
                Assert.True(soon < 1.12 * best, $"slow: {string.Join(", ", passes)} by {factor}: {soon:0.0000} and not {best:0.0000} s a token");
            }
        }
    }

    [Fact]
    public void A_usual_time_takes_two_and_forgets_slow_ones()
    {
        var time = default(UsualTime);
        time.Learn(1, 30, 1);
        Assert.False(time.IsKnown);
        time.Learn(1, 0.02, 2);
        Assert.True(time.IsKnown);
        Assert.Equal(0.02, time.Seconds, 1e-9);
        time.Learn(1, 1000, 3);
        Assert.InRange(time.Seconds, 0.02, 0.024);

        // What lasts is believed.
        for (var pass = 4; pass < 80; pass++)
        {
            time.Learn(1, 0.2, pass);
        }

        Assert.InRange(time.Seconds, 0.15, 0.2);
        for (var i = 0; i < 3000; i++)
        {
            time.Fade();
        }

        Assert.InRange(time.Seconds, 0, 0.02);
    }

    [Fact]
    public void Times_of_zero_and_of_none_propose_nothing_and_are_forgotten()
    {
        var policy = new SpeculationPolicy();
        for (var i = 0; i < 10; i++)
        {
            policy.Learn(1, 0);
            Assert.Equal((0, double.PositiveInfinity), policy.Choose(0.9, 0, Most, 1));
        }

        for (var i = 0; i < 10; i++)
        {
            policy.Learn(1, 0.03);
        }

        Assert.InRange(policy.Choose(0.9, 0, Most, 1).Count, 1, Most);
    }

    /// <summary>One sequence under Auto, where tokens are right as often as they are said to be.</summary>
    sealed class Simulation(Func<int, double> seconds, double acceptance)
    {
        readonly SpeculationPolicy _policy = new();
        readonly Random _random = new(5);

        /// <summary>Seconds of a token, as they would be without what makes passes slow.</summary>
        public double Run(int passes, Func<int, double> factor)
        {
            var (time, tokens) = (0.0, 0);
            for (var pass = 0; pass < passes; pass++)
            {
                var count = _policy.Choose(acceptance, 0, Most, 1).Count;
                var accepted = 0;
                while (accepted < count && _random.NextDouble() < acceptance)
                {
                    accepted++;
                }

                var noise = 1 + (0.1 * _random.NextDouble());
                _policy.Learn(1 + count, seconds(1 + count) * noise * factor(pass));
                (time, tokens) = (time + seconds(1 + count), tokens + accepted + 1);
            }

            return time / tokens;
        }
    }

    static SpeculationPolicy After(Func<int, double> seconds)
    {
        var policy = new SpeculationPolicy();
        for (var i = 0; i < 100; i++)
        {
            var rows = 1 + (i % 4);
            policy.Learn(rows, seconds(rows));
        }

        return policy;
    }
}
