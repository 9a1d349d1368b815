using NvStream.Inference.Speculation;

namespace NvStream.Tests.Inference;

public sealed class ExcessTests
{
    [Fact]
    public void Passes_that_take_what_was_expected_or_less_have_none()
    {
        var excess = new Excess();
        Assert.Equal(1, excess.Factor);
        for (var i = 0; i < 50; i++)
        {
            excess.Learn(expected: 0.010, taken: 0.008);
        }

        Assert.Equal(1, excess.Factor);
        excess.Learn(expected: 0, taken: 1);
        Assert.Equal(1, excess.Factor);
    }

    [Fact]
    public void What_they_take_longer_is_found_whatever_a_single_pass_took()
    {
        var excess = new Excess();
        for (var i = 0; i < 50; i++)
        {
            excess.Learn(expected: 0.010, taken: 0.014);
        }

        Assert.Equal(1.4, excess.Factor, 0.001);
        excess.Learn(expected: 0.010, taken: 100);
        Assert.InRange(excess.Factor, 1.4, 1.5);
    }

    [Fact]
    public void Where_nobody_drafts_it_is_forgotten_over_some_thousand_passes()
    {
        var excess = new Excess();
        excess.Learn(expected: 0.010, taken: 0.015);
        for (var i = 0; i < 100; i++)
        {
            excess.Fade();
        }

        Assert.InRange(excess.Factor, 1.4, 1.5);
        for (var i = 0; i < 5000; i++)
        {
            excess.Fade();
        }

        Assert.Equal(1, excess.Factor, 0.01);
    }
}
