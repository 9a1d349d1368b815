using NvStream.Compute;
using NvStream.Models;

namespace NvStream.Tests.Models;

public sealed class RopeSpecTests
{
    [Fact]
    public void Unscaled_frequencies_are_powers_of_the_base()
    {
        var rope = RopeSpec.Build(new(8, 10000, 1), null, RopeLayout.Interleaved);
        Assert.Equal([1f, 0.1f, 0.01f, 0.001f], rope.Frequencies, (a, b) => Math.Abs(a - b) < 1e-7);
        Assert.Equal((8, 1f), (rope.Dimensions, rope.Magnitude));
    }

    [Fact]
    public void Linear_scaling_and_factors_divide_them()
    {
        var rope = RopeSpec.Build(new(4, 100, 0.25), [1, 2], RopeLayout.Halves);
        Assert.Equal([0.25f, 0.0125f], rope.Frequencies, (a, b) => Math.Abs(a - b) < 1e-7);
    }

    /// <summary>Yarn as arXiv 2309.00071 defines it, written out from its formulas: wavelengths and the ramp between beta 1 and 32.</summary>
    [Fact]
    public void Yarn_keeps_fast_pairs_scales_slow_ones_and_raises_the_magnitude()
    {
        const int Dimensions = 128;
        const double Factor = 4, Base = 1e6, Original = 32768;
        var rope = RopeSpec.Build(new(Dimensions, Base, 1 / Factor) { IsYarn = true, OriginalContext = (int)Original }, null, RopeLayout.Halves);
        Assert.Equal(1 + 0.1 * Math.Log(Factor), rope.Magnitude, 1e-6);
        for (var i = 0; i < Dimensions / 2; i++)
        {
            var frequency = Math.Pow(Base, -2.0 * i / Dimensions);
            var turns = Original * frequency / (2 * Math.PI);
            var actual = rope.Frequencies[i] / frequency;
            if (turns > 40)
            {
                Assert.Equal(1, actual, 1e-6);
            }
            else if (turns < 0.9)
            {
                Assert.Equal(1 / Factor, actual, 1e-6);
            }
            else
            {
                Assert.InRange(actual, 1 / Factor - 1e-6, 1 + 1e-6);
            }
        }

        Assert.Equal(rope.Frequencies.OrderDescending(), rope.Frequencies);
    }
}
