using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Panels of super-blocks. In vectors of a lane a row: the quants (<see cref="Panel.PackQuants"/>), the groups' scales (each
/// twice in its lane), the minima of pairs of groups, the float scales, the float minima.
/// </summary>
internal readonly unsafe struct SuperBlockPanel<TBlock, TDot, TLanes, TVector> : IPanelProduct
    where TBlock : struct, ISuperBlock
    where TDot : struct, IDotInstructions
    where TLanes : struct, IPanelLanes<TVector>
    where TVector : struct
{
    const int Groups16 = 16;
    const int PairVectors = 8;

    public static int Rows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Rows;
    }

    public static int Bytes => MinimaScaleAt + VectorBytes;

    public static int ActivationSums
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8 * Rows;
    }

    static int VectorBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Rows * 4;
    }

    static int StepBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlock.IsSigned ? 2 * VectorBytes : VectorBytes;
    }

    static int StepsPerSum
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Panel.StepsPerSum(TBlock.IsSigned ? 15 : TBlock.LargestQuant, TBlock.GroupElements);
    }

    static int ScalesAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Panel.Steps * StepBytes;
    }

    static int MinimaAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ScalesAt + Groups16 * VectorBytes;
    }

    static int ScaleAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => MinimaAt + PairVectors * VectorBytes;
    }

    static int MinimaScaleAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ScaleAt + VectorBytes;
    }

    static bool IsWide
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlock.GroupElements == 32;
    }

    /// <summary>Whether the integer product has more terms than the quants': minima in units of the scale.</summary>
    static bool HasOffset
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlock.IsSigned || TBlock.Minimum == MinimumKind.Offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte** rows, byte* panel, byte* unpacked)
    {
        for (var first = 0; first < Rows; first += 8, rows += 8, panel += Vector256<byte>.Count)
        {
            PackQuants(rows, panel, unpacked);
            if (TBlock.HasScaledGroups)
            {
                PackGroups(rows, panel);
                continue;
            }

            PackScales(rows, panel, unpacked);
            RowScales.Load(rows, TBlock.ScaleAt, TBlock.ScaleFactor).Store((float*)(panel + ScaleAt));
            if (TBlock.Minimum == MinimumKind.Scaled)
            {
                (-RowScales.Load(rows, TBlock.ScaleAt + sizeof(short))).Store((float*)(panel + MinimaScaleAt));
            }
        }
    }

    public static void Finish(float* sums) => TLanes.Store(RowSums.Of<TLanes, TVector>(sums), sums);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void PackQuants(byte** rows, byte* panel, byte* unpacked)
    {
        if (TBlock.HasPackedQuants)
        {
            TBlock.PackQuants(rows, panel, VectorBytes);
            return;
        }

        for (var r = 0; r < 8; r++)
        {
            UnpackedSuperBlock.Unpack<TBlock, TDot>(rows[r], unpacked + r * UnpackedSuperBlock.Bytes);
        }

        Panel.PackQuants(unpacked, UnpackedSuperBlock.Bytes, TBlock.IsSigned, panel, VectorBytes);
    }

    static void PackGroups(byte** rows, byte* panel)
    {
        var groups = ScaledGroups.Unpack(rows, panel + ScalesAt, VectorBytes);
        var minima = panel + MinimaAt;
        groups.Minima01.Store((short*)minima);
        groups.Minima23.Store((short*)(minima + VectorBytes));
        groups.Minima45.Store((short*)(minima + 2 * VectorBytes));
        groups.Minima67.Store((short*)(minima + 3 * VectorBytes));
        groups.Scale.Store((float*)(panel + ScaleAt));
        (-groups.Minimum).Store((float*)(panel + MinimaScaleAt));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void PackScales(byte** rows, byte* panel, byte* scratch)
    {
        const int stride = 3 * 32;
        for (var r = 0; r < 8; r++)
        {
            var row = scratch + r * stride;
            var scales = TBlock.Scales(rows[r]);
            Twice(scales.Scales.GetLower()).Store((int*)row);
            Twice(scales.Scales.GetUpper()).Store((int*)(row + 32));
            (TBlock.IsSigned ? scales.Scales * (short)-Panel.Bias : scales.Minima).Store((short*)(row + 64));
        }

        if (IsWide)
        {
            Panel.Transpose(scratch, stride, panel + ScalesAt, VectorBytes);
        }
        else
        {
            Panel.Transpose(scratch, stride, panel + ScalesAt, 2 * VectorBytes);
            Panel.Transpose(scratch + 32, stride, panel + ScalesAt + VectorBytes, 2 * VectorBytes);
        }

        Panel.Transpose(scratch + 64, stride, panel + MinimaAt, VectorBytes);
    }

    static Vector256<int> Twice(Vector128<short> scales)
    {
        var lanes = Vector256.WidenLower(scales.ToVector256Unsafe());
        return lanes << 16 | lanes & Vector256.Create(0xFFFF);
    }

    // Three methods: a call after the loop, or an inliner out of budget, would put the loop's sums on the stack.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add4(float* sums, byte* panel, int group, byte* activations, long activationStride)
    {
        sums += group % 8 * Rows;
        var products = stackalloc float[4 * Rows];
        if (HasOffset)
        {
            for (var a = 0; a < 4; a++)
            {
                TLanes.Store(MinimumProduct(panel, activations + a * activationStride), products + a * Rows);
            }
        }

        Multiply4(products, panel, activations, activationStride);
        for (var a = 0; a < 4; a++)
        {
            AddScaled(sums + a * ActivationSums, TLanes.Load(products + a * Rows), panel, activations + a * activationStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Multiply4(float* products, byte* panel, byte* a0, long stride)
    {
        var a1 = a0 + stride;
        var a2 = a1 + stride;
        var a3 = a2 + stride;
        var i0 = HasOffset ? TLanes.Load(products) : default;
        var i1 = HasOffset ? TLanes.Load(products + Rows) : default;
        var i2 = HasOffset ? TLanes.Load(products + 2 * Rows) : default;
        var i3 = HasOffset ? TLanes.Load(products + 3 * Rows) : default;
        var scales = panel + ScalesAt;
        for (var group = 0; group < Activations.GroupElements / TBlock.GroupElements; group++)
        {
            var scale = TLanes.Load(scales);
            AddProducts(ref i0, ref i1, ref i2, ref i3, panel, a0, a1, a2, a3, scale);
            if (TBlock.IsSigned)
            {
                AddProducts(ref i0, ref i1, ref i2, ref i3, panel + VectorBytes, a0, a1, a2, a3, TLanes.ShiftShorts(scale, 4));
            }

            scales += VectorBytes;
            panel += TBlock.GroupElements / 4 * StepBytes;
            a0 += TBlock.GroupElements;
            a1 += TBlock.GroupElements;
            a2 += TBlock.GroupElements;
            a3 += TBlock.GroupElements;
        }

        TLanes.Store(i0, products);
        TLanes.Store(i1, products + Rows);
        TLanes.Store(i2, products + 2 * Rows);
        TLanes.Store(i3, products + 3 * Rows);
    }

    /// <summary>A group's products: at most two sums of 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddProducts(
        ref TVector i0, ref TVector i1, ref TVector i2, ref TVector i3,
        byte* quants, byte* a0, byte* a1, byte* a2, byte* a3, TVector scale)
    {
        AddSums(ref i0, ref i1, ref i2, ref i3, quants, a0, a1, a2, a3, scale);
        if (StepsPerSum < TBlock.GroupElements / 4)
        {
            const int bytes = 4;
            AddSums(
                ref i0, ref i1, ref i2, ref i3, quants + StepsPerSum * StepBytes,
                a0 + StepsPerSum * bytes, a1 + StepsPerSum * bytes, a2 + StepsPerSum * bytes, a3 + StepsPerSum * bytes, scale);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddSums(
        ref TVector i0, ref TVector i1, ref TVector i2, ref TVector i3,
        byte* quants, byte* a0, byte* a1, byte* a2, byte* a3, TVector scale)
    {
        PanelSums<TLanes, TVector>.Add(quants, StepBytes, StepsPerSum, a0, a1, a2, a3, out var s0, out var s1, out var s2, out var s3);
        i0 = TLanes.AddIntegers(i0, TLanes.DotShorts(s0, scale));
        i1 = TLanes.AddIntegers(i1, TLanes.DotShorts(s1, scale));
        i2 = TLanes.AddIntegers(i2, TLanes.DotShorts(s2, scale));
        i3 = TLanes.AddIntegers(i3, TLanes.DotShorts(s3, scale));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add1(float* sums, byte* panel, int group, byte* activations)
    {
        var total = HasOffset ? MinimumProduct(panel, activations) : default;
        var quants = panel;
        for (var element = 0; element < Activations.GroupElements; element += TBlock.GroupElements)
        {
            var scale = TLanes.Load(panel + ScalesAt + element / TBlock.GroupElements * VectorBytes);
            for (var step = 0; step < TBlock.GroupElements / 4; step += StepsPerSum)
            {
                var at = activations + element + step * 4;
                var sum = PanelSums<TLanes, TVector>.Add(quants, StepBytes, StepsPerSum, at);
                total = TLanes.AddIntegers(total, TLanes.DotShorts(sum, scale));
                if (TBlock.IsSigned)
                {
                    sum = PanelSums<TLanes, TVector>.Add(quants + VectorBytes, StepBytes, StepsPerSum, at);
                    total = TLanes.AddIntegers(total, TLanes.DotShorts(sum, TLanes.ShiftShorts(scale, 4)));
                }

                quants += StepsPerSum * StepBytes;
            }
        }

        AddScaled(sums + group % 8 * Rows, total, panel, activations);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector MinimumProduct(byte* panel, byte* activations)
    {
        panel += MinimaAt;
        if (IsWide)
        {
            return Add4Pairs(panel, activations + Activations.WideSumsOffset);
        }

        activations += Activations.SumsOffset;
        return TLanes.AddIntegers(Add4Pairs(panel, activations), Add4Pairs(panel + 4 * VectorBytes, activations + 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddScaled(float* sums, TVector product, byte* panel, byte* activations)
    {
        var sum = TLanes.Load(sums);
        var scale = TLanes.Broadcast(activations + Activations.ScalesOffset);
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            var minima = IsWide
                ? Add4Pairs(panel + MinimaAt, activations + Activations.WideSumsOffset)
                : MinimumProduct(panel, activations);
            sum = TLanes.MultiplyAddFloats(
                TLanes.ToFloats(minima), TLanes.MultiplyFloats(TLanes.Load(panel + MinimaScaleAt), scale), sum);
        }

        sum = TLanes.MultiplyAddFloats(
            TLanes.ToFloats(product), TLanes.MultiplyFloats(TLanes.Load(panel + ScaleAt), scale), sum);
        TLanes.Store(sum, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Add4Pairs(byte* minima, byte* sums) => TLanes.AddIntegers(
        TLanes.AddIntegers(Pair(minima, sums), Pair(minima + VectorBytes, sums + 4)),
        TLanes.AddIntegers(Pair(minima + 2 * VectorBytes, sums + 8), Pair(minima + 3 * VectorBytes, sums + 12)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Pair(byte* minima, byte* sums) => TLanes.DotShorts(TLanes.Load(minima), TLanes.Broadcast(sums));
}
