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
        for (var first = 0; first < Rows; first += IGroupProduct.Rows, rows += IGroupProduct.Rows, panel += Vector256<byte>.Count)
        {
            for (var r = 0; r < IGroupProduct.Rows; r++)
            {
                UnpackedSuperBlock<TBlock>.Unpack<TDot>(rows[r], unpacked + r * UnpackedSuperBlock<TBlock>.Bytes);
            }

            Panel.PackQuants(unpacked, UnpackedSuperBlock<TBlock>.Bytes, TBlock.IsSigned, panel, VectorBytes);
            PackScales(panel, unpacked);
            var scales = TBlock.FloatScales(rows);
            scales.Scale.Store((float*)(panel + ScaleAt));
            if (TBlock.Minimum == MinimumKind.Scaled)
            {
                (-scales.Minimum).Store((float*)(panel + MinimaScaleAt));
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

    // The rows' quants are in the panel already: their place is free.
    static void PackScales(byte* panel, byte* unpacked)
    {
        const int stride = UnpackedSuperBlock<TBlock>.Bytes;
        for (var r = 0; r < IGroupProduct.Rows; r++)
        {
            var row = unpacked + r * stride;
            var scales = UnpackedSuperBlock<TBlock>.Scales(row);
            Twice(scales.Scales.GetLower()).Store((int*)row);
            Twice(scales.Scales.GetUpper()).Store((int*)(row + 32));
            (TBlock.IsSigned ? scales.Scales * (short)-Panel.Bias : scales.Minima).Store((short*)(row + 64));
        }

        if (IsWide)
        {
            Panel.Transpose(unpacked, stride, panel + ScalesAt, VectorBytes);
        }
        else
        {
            Panel.Transpose(unpacked, stride, panel + ScalesAt, 2 * VectorBytes);
            Panel.Transpose(unpacked + 32, stride, panel + ScalesAt + VectorBytes, 2 * VectorBytes);
        }

        Panel.Transpose(unpacked + 64, stride, panel + MinimaAt, VectorBytes);
    }

    static Vector256<int> Twice(Vector128<short> scales)
    {
        var lanes = Vector256.WidenLower(scales.ToVector256Unsafe());
        return lanes << 16 | lanes & Vector256.Create(0xFFFF);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Add4(float* sums, byte* panel, byte* a0, long stride)
    {
        var a1 = a0 + stride;
        var a2 = a1 + stride;
        var a3 = a2 + stride;
        var i0 = HasOffset ? MinimumProduct(panel, a0) : default;
        var i1 = HasOffset ? MinimumProduct(panel, a1) : default;
        var i2 = HasOffset ? MinimumProduct(panel, a2) : default;
        var i3 = HasOffset ? MinimumProduct(panel, a3) : default;
        var quants = panel;
        var scales = panel + ScalesAt;
        for (var element = 0; element < Activations.GroupElements; element += TBlock.GroupElements)
        {
            var scale = TLanes.Load(scales);
            scales += VectorBytes;
            for (var step = 0; step < TBlock.GroupElements / 4; step += StepsPerSum)
            {
                var at = element + step * 4;
                AddProducts(ref i0, ref i1, ref i2, ref i3, quants, a0 + at, a1 + at, a2 + at, a3 + at, scale);
                if (TBlock.IsSigned)
                {
                    AddProducts(
                        ref i0, ref i1, ref i2, ref i3, quants + VectorBytes, a0 + at, a1 + at, a2 + at, a3 + at,
                        TLanes.ShiftShorts(scale, 4));
                }

                quants += StepsPerSum * StepBytes;
            }
        }

        AddScaled(sums, i0, panel, a0);
        AddScaled(sums + Rows, i1, panel, a1);
        AddScaled(sums + 2 * Rows, i2, panel, a2);
        AddScaled(sums + 3 * Rows, i3, panel, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddProducts(
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
    static void Add1(float* sums, byte* panel, byte* activations)
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

        AddScaled(sums, total, panel, activations);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector MinimumProduct(byte* panel, byte* activations)
    {
        var sums = activations + (IsWide ? Activations.WideSumsOffset : Activations.SumsOffset);
        var minima = panel + MinimaAt;
        var product = TLanes.DotShorts(TLanes.Load(minima), TLanes.Broadcast(sums));
        for (var pair = 1; pair < (IsWide ? 4 : 8); pair++)
        {
            product = TLanes.AddIntegers(
                product, TLanes.DotShorts(TLanes.Load(minima + pair * VectorBytes), TLanes.Broadcast(sums + pair * 4)));
        }

        return product;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddScaled(float* sums, TVector product, byte* panel, byte* activations)
    {
        var sum = TLanes.Load(sums);
        var scale = TLanes.Broadcast(activations + Activations.ScalesOffset);
        if (TBlock.Minimum == MinimumKind.Scaled)
        {
            sum = TLanes.MultiplyAddFloats(
                TLanes.ToFloats(MinimumProduct(panel, activations)),
                TLanes.MultiplyFloats(TLanes.Load(panel + MinimaScaleAt), scale), sum);
        }

        sum = TLanes.MultiplyAddFloats(
            TLanes.ToFloats(product), TLanes.MultiplyFloats(TLanes.Load(panel + ScaleAt), scale), sum);
        TLanes.Store(sum, sums);
    }
}
