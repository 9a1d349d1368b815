using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>A chunk is eight super-blocks: sums of products stay in integers over each, multiplied by the groups' scales.</summary>
internal readonly unsafe struct SuperBlockProduct<TBlock, TDot> : IRowProduct
    where TBlock : struct, IWeightBlock, ISuperBlock
    where TDot : struct, IDotInstructions
{
    const int Lanes = IRowProduct.ChunkGroups;
    const int Pairs = 4;

    public static ActivationEncoding Encoding => ActivationEncoding.Q8_256;

    public static int BlocksPerGroup => 1;

    public static int PreparedBytes => (1 + Pairs) * Lanes * sizeof(float);

    /// <summary>
    /// Whether scales and minima of all eight blocks are taken apart together, a lane a block, which halves the instructions
    /// of a product that has to keep up with memory.
    /// </summary>
    static bool IsTogether
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlock.HasScaledGroups && typeof(TDot) == typeof(Avx2Dot);
    }

    public static void Prepare(byte* activations, int groups, byte* prepared)
    {
        new Span<byte>(prepared, PreparedBytes).Clear();
        var scales = (float*)prepared;
        var pairs = (int*)prepared + Lanes;
        for (var g = 0; g < groups; g++, activations += Activations.GroupBytes)
        {
            scales[g] = *(float*)(activations + Activations.ScalesOffset);
            for (var pair = 0; pair < Pairs; pair++)
            {
                pairs[pair * Lanes + g] = ((int*)(activations + Activations.WideSumsOffset))[pair];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector256<float> Add(
        Vector256<float> sums, byte* chunk, int groups, byte* activations, byte* prepared, byte* scratch)
    {
        var products = (Vector256<int>*)scratch;

        // Past the row's last group, zeros: whatever else is there is not multiplied with more.
        var factor = Vector256.Load((float*)prepared);
        var there = groups == Lanes
            ? Vector256<float>.AllBitsSet
            : Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(groups)).AsSingle();
        if (IsTogether)
        {
            var scales = scratch + Lanes * 32;
            var header = ScaledGroups.Unpack(chunk, TBlock.Bytes, scales, 32);
            var pairs = (short*)prepared;
            var minima = Avx2.MultiplyAddAdjacent(header.Minima01, Vector256.Load(pairs + 16))
                + Avx2.MultiplyAddAdjacent(header.Minima23, Vector256.Load(pairs + 32))
                + Avx2.MultiplyAddAdjacent(header.Minima45, Vector256.Load(pairs + 48))
                + Avx2.MultiplyAddAdjacent(header.Minima67, Vector256.Load(pairs + 64));
            sums = AddScaled(sums, minima, -header.Minimum * factor & there);
            for (var g = 0; g < groups; g++)
            {
                Prefetch.Ahead(chunk, TBlock.Bytes);
                products[g] = MultiplyTogether(chunk, activations, scales);
                chunk += TBlock.Bytes;
                activations += Activations.GroupBytes;
                scales += sizeof(int);
            }

            return AddScaled(sums, RowSums.Of<TDot>(products), header.Scale * factor & there);
        }

        var scale = RowScales.Load(chunk + TBlock.ScaleAt, TBlock.Bytes, TBlock.ScaleFactor) * factor & there;
        var minimum = TBlock.Minimum == MinimumKind.Scaled
            ? -RowScales.Load(chunk + TBlock.ScaleAt + sizeof(short), TBlock.Bytes) * factor & there
            : default;
        for (var g = 0; g < groups; g++)
        {
            Prefetch.Ahead(chunk, TBlock.Bytes);
            Multiply(chunk, activations, products + g);
            chunk += TBlock.Bytes;
            activations += Activations.GroupBytes;
        }

        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            sums = AddScaled(sums, RowSums.Of<TDot>(products + Lanes), minimum);
        }

        return AddScaled(sums, RowSums.Of<TDot>(products), scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> AddScaled(Vector256<float> sums, Vector256<int> products, Vector256<float> scales) =>
        Vector256.MultiplyAddEstimate(Vector256.ConvertToSingle(products), scales, sums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> MultiplyTogether(byte* block, byte* activations, byte* scales)
    {
        var even = AddTogether(Vector256<int>.Zero, block, 0, activations, scales);
        var odd = AddTogether(Vector256<int>.Zero, block, 1, activations, scales);
        even = AddTogether(even, block, 2, activations, scales);
        odd = AddTogether(odd, block, 3, activations, scales);
        even = AddTogether(even, block, 4, activations, scales);
        odd = AddTogether(odd, block, 5, activations, scales);
        even = AddTogether(even, block, 6, activations, scales);
        odd = AddTogether(odd, block, 7, activations, scales);
        return even + odd;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddTogether(Vector256<int> sum, byte* block, int part, byte* activations, byte* scales) =>
        TDot.AddScaledDot(
            sum, Vector256.Create(*(int*)(scales + part * 32)).AsInt16(), TBlock.Quants<TDot>(block, part).AsSByte(),
            (sbyte*)activations + part * 32);

    /// <summary>
    /// A block's products of quants, and, eight vectors on, of minima where they have a scale of their own; the lanes are
    /// parts of the sums.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Multiply(byte* block, byte* activations, Vector256<int>* product)
    {
        var scales = TBlock.Scales(block);
        var even = TBlock.Minimum == MinimumKind.Offset ? MinimumProduct(in scales, activations) : Vector256<int>.Zero;
        var odd = Vector256<int>.Zero;
        even = AddProduct(even, block, 0, activations, in scales);
        odd = AddProduct(odd, block, 1, activations, in scales);
        even = AddProduct(even, block, 2, activations, in scales);
        odd = AddProduct(odd, block, 3, activations, in scales);
        even = AddProduct(even, block, 4, activations, in scales);
        odd = AddProduct(odd, block, 5, activations, in scales);
        even = AddProduct(even, block, 6, activations, in scales);
        odd = AddProduct(odd, block, 7, activations, in scales);
        *product = even + odd;
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            product[Lanes] = MinimumProduct(in scales, activations);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> AddProduct(
        Vector256<int> sum, byte* block, int part, byte* activations, in SuperBlockScales scales)
    {
        var spread = Spread(scales.Scales, part);
        var quants = TBlock.Quants<TDot>(block, part).AsSByte();
        return TBlock.IsSigned
            ? TDot.AddScaledDotSigned(sum, spread, quants, (sbyte*)activations + part * 32)
            : TDot.AddScaledDot(sum, spread, quants, (sbyte*)activations + part * 32);
    }

    // Eight times the scale of group 2 * part, eight times that of group 2 * part + 1.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<short> Spread(Vector256<short> scales, int part) =>
        TDot.Shuffle(scales.AsByte(), Vector256.Create((short)(0x0100 + part * 0x0202)).AsByte()).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> MinimumProduct(in SuperBlockScales scales, byte* activations) =>
        TDot.DotPairs(scales.Minima, Vector256.Load((short*)(activations + Activations.SumsOffset)));
}
