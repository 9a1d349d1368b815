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
