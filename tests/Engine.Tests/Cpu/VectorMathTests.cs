using System.Runtime.Intrinsics;
using NvStream.Compute.Cpu;
using Xunit;

namespace NvStream.Tests.Cpu;

public sealed class VectorMathTests
{
    [Fact]
    public void ExpIsWithinTwoUnitsInTheLastPlaceOverItsWholeRange()
    {
        Assert.True(WorstExpError<Width128, Vector128<float>>() <= 2);
        Assert.True(WorstExpError<Width256, Vector256<float>>() <= 2);
        Assert.True(WorstExpError<Width512, Vector512<float>>() <= 2);
    }

    [Fact]
    public void ExpKeepsTheSpecialValues()
    {
        SpecialExp<Width128, Vector128<float>>();
        SpecialExp<Width256, Vector256<float>>();
        SpecialExp<Width512, Vector512<float>>();
    }

    [Fact]
    public void PowersOfTwoAreWithinAUnitInTheLastPlaceDownToTheirFloor()
    {
        PowersOfTwo<Width128, Vector128<float>>();
        PowersOfTwo<Width256, Vector256<float>>();
        PowersOfTwo<Width512, Vector512<float>>();
    }

    static void PowersOfTwo<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        static float Exp2(float x) => TWidth.First(VectorMath<TWidth, TVector>.Exp2NonPositive(TWidth.Broadcast(x)));

        var worst = 0.0;
        for (var x = -125f; x <= 0; x += 0.00037f)
        {
            var expected = Math.Pow(2, x);
            worst = Math.Max(worst, Math.Abs(Exp2(x) - expected) / (MathF.BitIncrement((float)expected) - (float)expected));
        }

        Assert.True(worst <= 1.5, $"{worst} units");
        Assert.Equal(1f, Exp2(0f));
        Assert.Equal(0.5f, Exp2(-1f));
        Assert.Equal(float.NaN, Exp2(float.NaN));
        foreach (var low in new[] { -125f, -126.5f, -1e30f, float.NegativeInfinity })
        {
            Assert.Equal(MathF.ScaleB(1, -125), Exp2(low));
        }
    }

    [Fact]
    public void EveryHalfConvertsToTheSameFloatAsTheRuntimes()
    {
        EveryHalf<Width128, Vector128<float>>();
        EveryHalf<Width256, Vector256<float>>();
        EveryHalf<Width512, Vector512<float>>();
    }

    [Fact]
    public void FloatsRoundToTheSameHalfAsTheRuntimes()
    {
        FloatsToHalf<Width128, Vector128<float>>();
        FloatsToHalf<Width256, Vector256<float>>();
        FloatsToHalf<Width512, Vector512<float>>();
    }

    [Fact]
    public void EightSumsComeInOrder()
    {
        EightSums<Width128, Vector128<float>>();
        EightSums<Width256, Vector256<float>>();
        EightSums<Width512, Vector512<float>>();
    }

    static double WorstExpError<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        var worst = 0.0;
        for (var x = -87.3f; x < 88.72f; x += 0.00037f)
        {
            var seen = TWidth.First(VectorMath<TWidth, TVector>.Exp(TWidth.Broadcast(x)));
            var expected = Math.Exp(x);
            worst = Math.Max(worst, Math.Abs(seen - expected) / (MathF.BitIncrement((float)expected) - (float)expected));
        }

        return worst;
    }

    static void SpecialExp<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        static float Exp(float x) => TWidth.First(VectorMath<TWidth, TVector>.Exp(TWidth.Broadcast(x)));

        Assert.Equal(1f, Exp(0f));
        Assert.Equal(1f, Exp(-0f));
        Assert.Equal(0f, Exp(float.NegativeInfinity));
        Assert.Equal(0f, Exp(-1e30f));
        Assert.Equal(0f, Exp(-104.5f));
        Assert.Equal(float.PositiveInfinity, Exp(float.PositiveInfinity));
        Assert.Equal(float.PositiveInfinity, Exp(89f));
        Assert.Equal(float.NaN, Exp(float.NaN));
        Assert.InRange(Exp(-95f), (float)Math.Exp(-95) * 0.999f, (float)Math.Exp(-95) * 1.001f);
    }

    static unsafe void EveryHalf<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        var halves = stackalloc ushort[16];
        var floats = stackalloc float[16];
        var finite = stackalloc float[16];
        for (var first = 0; first < 65536; first += TWidth.Count)
        {
            for (var i = 0; i < TWidth.Count; i++)
            {
                halves[i] = (ushort)(first + i);
            }

            TWidth.Store(TWidth.LoadHalf(halves), floats);
            for (var i = 0; i < TWidth.Count; i++)
            {
                var expected = (float)BitConverter.UInt16BitsToHalf(halves[i]);
                var same = float.IsNaN(expected)
                    ? float.IsNaN(floats[i])
                    : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(floats[i]);
                Assert.True(same, $"half {halves[i]:x4}: {floats[i]:R}, expected {expected:R}");
                Assert.Equal(float.IsFinite(expected), TWidth.AreFiniteHalves(halves + i, 1));
            }

            if (TWidth.AreFiniteHalves(halves, TWidth.Count))
            {
                TWidth.Store(TWidth.LoadFiniteHalf(halves), finite);
                Assert.True(new Span<uint>(floats, TWidth.Count).SequenceEqual(new Span<uint>(finite, TWidth.Count)));
            }
        }
    }

    [Fact]
    public void OneInfiniteHalfAmongManyIsFound()
    {
        FindsInfinity<Width128, Vector128<float>>();
        FindsInfinity<Width256, Vector256<float>>();
        FindsInfinity<Width512, Vector512<float>>();
    }

    static unsafe void FindsInfinity<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        var halves = stackalloc ushort[100];
        new Span<ushort>(halves, 100).Fill(0xfbff);
        Assert.True(TWidth.AreFiniteHalves(halves, 100));
        for (var i = 0; i < 100; i++)
        {
            halves[i] = (ushort)(i % 2 == 0 ? 0x7c00 : 0xfe00);
            Assert.False(TWidth.AreFiniteHalves(halves, 100));
            halves[i] = 0x7bff;
        }
    }

    static unsafe void FloatsToHalf<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        var random = new Random(7);
        var floats = stackalloc float[16];
        var halves = stackalloc ushort[16];

        // Every boundary between two halves, its neighbours, and random bits.
        for (var round = 0; round < 65536 * 3 + 200_000; round += TWidth.Count)
        {
            for (var i = 0; i < TWidth.Count; i++)
            {
                var n = round + i;
                if (n < 65536 * 3)
                {
                    var low = (float)BitConverter.UInt16BitsToHalf((ushort)(n / 3));
                    var high = (float)BitConverter.UInt16BitsToHalf((ushort)(n / 3 + 1));
                    var middle = float.IsFinite(low) && float.IsInfinity(high) ? MathF.CopySign(65520, low) : (low + high) / 2;
                    floats[i] = (n % 3) switch { 0 => middle, 1 => MathF.BitIncrement(middle), _ => MathF.BitDecrement(middle) };
                }
                else
                {
                    floats[i] = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
                }
            }

            TWidth.StoreHalf(TWidth.Load(floats), halves);
            for (var i = 0; i < TWidth.Count; i++)
            {
                var expected = (Half)floats[i];
                var same = Half.IsNaN(expected)
                    ? Half.IsNaN(BitConverter.UInt16BitsToHalf(halves[i]))
                    : BitConverter.HalfToUInt16Bits(expected) == halves[i];
                Assert.True(same, $"{floats[i]:R}: {halves[i]:x4}, expected {BitConverter.HalfToUInt16Bits(expected):x4}");
            }
        }
    }

    static unsafe void EightSums<TWidth, TVector>()
        where TWidth : IWidth<TVector>
        where TVector : struct
    {
        var sums = stackalloc float[8];
        var v = stackalloc float[16];
        var vectors = new TVector[8];
        for (var i = 0; i < 8; i++)
        {
            for (var lane = 0; lane < TWidth.Count; lane++)
            {
                v[lane] = i * 100 + lane;
            }

            vectors[i] = TWidth.Load(v);
        }

        TWidth.StoreSums(
            sums, vectors[0], vectors[1], vectors[2], vectors[3], vectors[4], vectors[5], vectors[6], vectors[7]);
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(i * 100 * TWidth.Count + TWidth.Count * (TWidth.Count - 1) / 2, sums[i]);
            Assert.Equal(sums[i], TWidth.Sum(vectors[i]));
            Assert.Equal(i * 100 + TWidth.Count - 1, TWidth.MaxLane(vectors[i]));
        }
    }
}
