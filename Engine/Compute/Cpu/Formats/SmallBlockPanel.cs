using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Panels of groups of eight blocks of 32. In vectors of a lane a row: the quants (<see cref="Panel.PackQuants"/>), then
/// each block's float scales, then each block's float minima.
/// </summary>
internal readonly unsafe struct SmallBlockPanel<TBlock, TDot, TLanes, TVector> : IPanelProduct
    where TBlock : struct, ISmallBlock
    where TDot : struct, IDotInstructions
    where TLanes : struct, IPanelLanes<TVector>
    where TVector : struct
{
    const int Blocks = 8;
    const int StepsPerBlock = 8;

    public static int Rows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TLanes.Rows;
    }

    public static int Bytes => MinimaAt + Blocks * VectorBytes;

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
        get => Panel.StepsPerSum(TBlock.IsSigned ? 15 : TBlock.LargestQuant, 32);
    }

    static int ScalesAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Panel.Steps * StepBytes;
    }

    static int MinimaAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ScalesAt + Blocks * VectorBytes;
    }

    /// <summary>What the panel's quants are too large by.</summary>
    static int Offset
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TBlock.IsSigned ? Panel.Bias : TBlock.Offset;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte** rows, byte* panel, byte* unpacked)
    {
        for (var first = 0; first < Rows; first += IGroupProduct.Rows, rows += IGroupProduct.Rows, panel += Vector256<byte>.Count)
        {
            for (var r = 0; r < IGroupProduct.Rows; r++)
            {
                UnpackedSmallBlocks<TBlock>.Unpack<TDot>(rows[r], unpacked + r * UnpackedSmallBlocks<TBlock>.Bytes);
            }

            Panel.PackQuants(unpacked, UnpackedSmallBlocks<TBlock>.Bytes, TBlock.IsSigned, panel, VectorBytes);
            for (var block = 0; block < Blocks; block++)
            {
                var scales = TBlock.FloatScales(rows, block);
                scales.Scale.Store((float*)(panel + ScalesAt + block * VectorBytes));
                if (TBlock.Minimum == MinimumKind.Scaled)
                {
                    scales.Minimum.Store((float*)(panel + MinimaAt + block * VectorBytes));
                }
            }
        }
    }

    public static void Add(float* sums, byte* panel, byte* activations, long activationStride, int count)
    {
        for (; count >= 4; count -= 4)
        {
            Add4(sums, panel, activations, activationStride);
            sums += 4 * Rows;
            activations += 4 * activationStride;
        }

        for (; count > 0; count--)
        {
            Add1(sums, panel, activations);
            sums += Rows;
            activations += activationStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add4(float* sums, byte* panel, byte* a0, long stride)
    {
        var a1 = a0 + stride;
        var a2 = a1 + stride;
        var a3 = a2 + stride;
        var f0 = TLanes.Load(sums);
        var f1 = TLanes.Load(sums + Rows);
        var f2 = TLanes.Load(sums + 2 * Rows);
        var f3 = TLanes.Load(sums + 3 * Rows);
        var one = TLanes.Shorts(1);
        var quants = panel;
        for (var block = 0; block < Blocks; block++)
        {
            var at = block * 32;
            Multiply4(quants, a0 + at, a1 + at, a2 + at, a3 + at, one, out var i0, out var i1, out var i2, out var i3);
            quants += StepsPerBlock * StepBytes;
            f0 = AddScaled(f0, i0, panel, block, a0);
            f1 = AddScaled(f1, i1, panel, block, a1);
            f2 = AddScaled(f2, i2, panel, block, a2);
            f3 = AddScaled(f3, i3, panel, block, a3);
        }

        TLanes.Store(f0, sums);
        TLanes.Store(f1, sums + Rows);
        TLanes.Store(f2, sums + 2 * Rows);
        TLanes.Store(f3, sums + 3 * Rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Multiply4(
        byte* quants, byte* a0, byte* a1, byte* a2, byte* a3, TVector one,
        out TVector i0, out TVector i1, out TVector i2, out TVector i3)
    {
        PanelSums<TLanes, TVector>.Add(quants, StepBytes, StepsPerSum, a0, a1, a2, a3, out i0, out i1, out i2, out i3);
        i0 = TLanes.DotShorts(i0, one);
        i1 = TLanes.DotShorts(i1, one);
        i2 = TLanes.DotShorts(i2, one);
        i3 = TLanes.DotShorts(i3, one);
        for (var step = StepsPerSum; step < StepsPerBlock; step += StepsPerSum)
        {
            var at = step * 4;
            AddProducts(
                ref i0, ref i1, ref i2, ref i3, quants + step * StepBytes, a0 + at, a1 + at, a2 + at, a3 + at, one);
        }

        if (TBlock.IsSigned)
        {
            AddProducts(
                ref i0, ref i1, ref i2, ref i3, quants + VectorBytes, a0, a1, a2, a3, TLanes.ShiftShorts(one, 4));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddProducts(
        ref TVector i0, ref TVector i1, ref TVector i2, ref TVector i3,
        byte* quants, byte* a0, byte* a1, byte* a2, byte* a3, TVector factor)
    {
        PanelSums<TLanes, TVector>.Add(quants, StepBytes, StepsPerSum, a0, a1, a2, a3, out var s0, out var s1, out var s2, out var s3);
        i0 = TLanes.AddIntegers(i0, TLanes.DotShorts(s0, factor));
        i1 = TLanes.AddIntegers(i1, TLanes.DotShorts(s1, factor));
        i2 = TLanes.AddIntegers(i2, TLanes.DotShorts(s2, factor));
        i3 = TLanes.AddIntegers(i3, TLanes.DotShorts(s3, factor));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add1(float* sums, byte* panel, byte* activations)
    {
        var sum = TLanes.Load(sums);
        var one = TLanes.Shorts(1);
        var quants = panel;
        for (var block = 0; block < Blocks; block++)
        {
            TVector product = default;
            for (var step = 0; step < StepsPerBlock; step += StepsPerSum)
            {
                var at = activations + block * 32 + step * 4;
                product = TLanes.AddIntegers(
                    product, TLanes.DotShorts(PanelSums<TLanes, TVector>.Add(quants, StepBytes, StepsPerSum, at), one));
                if (TBlock.IsSigned)
                {
                    var high = PanelSums<TLanes, TVector>.Add(quants + VectorBytes, StepBytes, StepsPerSum, at);
                    product = TLanes.AddIntegers(product, TLanes.DotShorts(high, TLanes.ShiftShorts(one, 4)));
                }

                quants += StepsPerSum * StepBytes;
            }

            sum = AddScaled(sum, product, panel, block, activations);
        }

        TLanes.Store(sum, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector AddScaled(TVector sum, TVector integers, byte* panel, int block, byte* activations)
    {
        var scale = activations + Activations.ScalesOffset + block * 4;
        var total = activations + Activations.SumsOffset + block * 4;
        var product = TLanes.ToFloats(integers);
        if (Offset != 0)
        {
            // Exact: integers far below 2^24.
            product = TLanes.MultiplyAddFloats(TLanes.Broadcast(total), TLanes.Floats(-Offset), product);
        }

        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            var part = *(float*)scale * *(float*)total;
            sum = TLanes.MultiplyAddFloats(TLanes.Load(panel + MinimaAt + block * VectorBytes), TLanes.Floats(part), sum);
        }

        var factor = TLanes.MultiplyFloats(TLanes.Load(panel + ScalesAt + block * VectorBytes), TLanes.Broadcast(scale));
        return TLanes.MultiplyAddFloats(product, factor, sum);
    }
}
