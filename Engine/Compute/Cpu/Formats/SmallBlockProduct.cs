using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A block of 32 weights: weight = scale * quant + minimum.</summary>
internal unsafe interface ISmallBlock : IWeightBlock
{
    /// <summary>Whether the minimum is ever other than zero.</summary>
    static abstract bool HasMinimum { get; }

    /// <summary>Decodes eight blocks.</summary>
    static abstract void Decode<TDot>(byte* blocks, DecodedSmallBlocks* decoded)
        where TDot : struct, IDotInstructions;
}

/// <summary>Eight blocks of 32 as their product wants them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DecodedSmallBlocks
{
    public fixed sbyte Quants[256];

    public fixed float Scales[8];

    public fixed float Minima[8];

    /// <summary>The eight float16 values that lie <paramref name="stride"/> bytes apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> GatherHalves(byte* first, int stride) => Float16.ToSingle(Vector128.Create(
        *(ushort*)first,
        *(ushort*)(first + stride),
        *(ushort*)(first + stride * 2),
        *(ushort*)(first + stride * 3),
        *(ushort*)(first + stride * 4),
        *(ushort*)(first + stride * 5),
        *(ushort*)(first + stride * 6),
        *(ushort*)(first + stride * 7)));
}

/// <summary>
/// Each block's sums of products are scaled to floats by both sides' scales and added to one of two vectors in turn;
/// the minima of all eight blocks meet the activations' sums in one more multiplication.
/// </summary>
internal readonly unsafe struct SmallBlockProduct<TBlock, TDot> : IGroupProduct
    where TBlock : struct, ISmallBlock
    where TDot : struct, IDotInstructions
{
    public static ActivationEncoding Encoding => ActivationEncoding.Q8_32;

    public static int ScratchBytes => sizeof(DecodedSmallBlocks);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(byte* blocks, byte* scratch) => TBlock.Decode<TDot>(blocks, (DecodedSmallBlocks*)scratch);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> sum, byte* scratch, byte* activations)
    {
        var blocks = (DecodedSmallBlocks*)scratch;
        var scales = Vector256.Load(blocks->Scales) * Vector256.Load((float*)(activations + Activations.ScalesOffset));
        var even = Vector256<float>.Zero;
        var odd = TBlock.HasMinimum
            ? Vector256.Load(blocks->Minima) * Vector256.Load((float*)(activations + Activations.SumsOffset))
            : Vector256<float>.Zero;
        for (var i = 0; i < 8; i += 2)
        {
            even = Vector256.MultiplyAddEstimate(Product(blocks, activations, i), Vector256.Create(scales[i]), even);
            odd = Vector256.MultiplyAddEstimate(Product(blocks, activations, i + 1), Vector256.Create(scales[i + 1]), odd);
        }

        return sum + (even + odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add4(Vector256<float>* sums, byte* scratch, byte* activations, long activationStride)
    {
        for (var i = 0; i < 4; i++)
        {
            sums[i] = Add(sums[i], scratch, activations + i * activationStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Product(DecodedSmallBlocks* blocks, byte* activations, int index)
    {
        var quants = Vector256.Load(blocks->Quants + index * 32);
        var values = Vector256.Load((sbyte*)activations + index * 32);
        return Vector256.ConvertToSingle(TBlock.IsSigned ? TDot.DotSigned(quants, values) : TDot.Dot(quants, values));
    }
}
