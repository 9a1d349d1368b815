using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Formats;

/// <summary>The types, the instruction paths that this machine can run, and weights to multiply.</summary>
static class FormatCases
{
    public static readonly TensorType[] Types =
    [
        TensorType.F32, TensorType.F16, TensorType.BF16,
        TensorType.Q4_0, TensorType.Q4_1, TensorType.Q5_0, TensorType.Q5_1, TensorType.Q8_0, TensorType.IQ4_NL,
        TensorType.Q2_K, TensorType.Q3_K, TensorType.Q4_K, TensorType.Q5_K, TensorType.Q6_K,
        TensorType.IQ4_XS, TensorType.IQ3_XXS, TensorType.IQ3_S,
    ];

    public static TheoryData<TensorType> AllTypes => new(Types);

    /// <summary>Every type on every path: those the machine has, and the portable ones.</summary>
    public static TheoryData<TensorType, string> TypesAndPaths
    {
        get
        {
            var data = new TheoryData<TensorType, string>();
            foreach (var type in Types)
            {
                foreach (var path in Paths)
                {
                    data.Add(type, path);
                }
            }

            return data;
        }
    }

    static IEnumerable<string> Paths
    {
        get
        {
            yield return "default";
            yield return "portable";
            if (Avx2.IsSupported)
            {
                yield return "avx2";
                yield return "avx512";
            }

            if (Dp.IsSupported)
            {
                yield return "neon";
            }
        }
    }

    /// <summary>Vectors of 512 bits run in software where the machine lacks them.</summary>
    public static WeightFormat Format(TensorType type, string path) => (path switch
    {
        "portable" => WeightFormat.Create<PortableDot, NoPanels, FloatLanes512>(type),
        "avx2" => WeightFormat.Create<Avx2Dot, Panels256, FloatLanes256>(type),
        "avx512" => WeightFormat.Create<Avx2Dot, Panels512, FloatLanes512>(type),
        "neon" => WeightFormat.Create<NeonDot, NoPanels, FloatLanes256>(type),
        _ => WeightFormat.For(type),
    })!;

    public static byte[] Blocks(TensorType type) => File.ReadAllBytes(Data($"{type}.blocks"));

    public static float[] Values(TensorType type)
    {
        var bytes = File.ReadAllBytes(Data($"{type}.f32"));
        var values = new float[bytes.Length / sizeof(float)];
        Buffer.BlockCopy(bytes, 0, values, 0, bytes.Length);
        return values;
    }

    public static string Data(string name) =>
        Path.Combine(Fixtures.Repository, "tests", "Engine.Tests", "data", "quant", name);

    /// <summary>Random blocks: every bit pattern of quants and integer scales, float scales of sane sizes.</summary>
    /// <param name="pattern">What every byte of quants and integer scales is instead.</param>
    public static byte[] RandomBlocks(TensorType type, int count, Random random, byte? pattern = null)
    {
        var (_, blockBytes) = TensorTypes.Block(type);
        var blocks = new byte[count * blockBytes];
        random.NextBytes(blocks);
        if (pattern is { } value)
        {
            blocks.AsSpan().Fill(value);
        }

        for (var block = 0; block < blocks.Length; block += blockBytes)
        {
            switch (type)
            {
                case TensorType.F32:
                    BitConverter.TryWriteBytes(blocks.AsSpan(block), (float)Symmetric(random));
                    break;
                case TensorType.BF16:
                    var upper = (ushort)(BitConverter.SingleToUInt32Bits((float)Symmetric(random)) >> 16);
                    BitConverter.TryWriteBytes(blocks.AsSpan(block), upper);
                    break;
                default:
                    foreach (var offset in FloatScales(type))
                    {
                        // One in eight is subnormal as float16.
                        var size = random.Next(8) == 0 ? 3e-5 : 0.1;
                        BitConverter.TryWriteBytes(blocks.AsSpan(block + offset), (Half)(Symmetric(random) * size));
                    }

                    break;
            }
        }

        return blocks;
    }

    public static float[] RandomActivations(int count, Random random) =>
        [.. Enumerable.Range(0, count).Select(_ => (float)(Symmetric(random) * Math.Exp(Symmetric(random))))];

    static double Symmetric(Random random) => random.NextDouble() * 2 - 1;

    static int[] FloatScales(TensorType type) => type switch
    {
        TensorType.Q4_1 or TensorType.Q5_1 or TensorType.Q4_K or TensorType.Q5_K => [0, 2],
        TensorType.Q2_K => [80, 82],
        TensorType.Q3_K => [108],
        TensorType.Q6_K => [208],
        _ => [0],
    };
}
