using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Panels of groups of eight blocks of 32. In vectors of a lane a row: the quants (<see cref="Panel.PackQuants"/>), then
/// each block's float scales, then each block's float minima.
/// </summary>
internal readonly unsafe struct SmallBlockPanel<TBlock, TDot, TLanes, TVector> : IPanelProduct
    where TBlock : struct, IWeightBlock, ISmallBlock
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
        for (var first = 0; first < Rows; first += 8, rows += 8, panel += Vector256<byte>.Count)
        {
            PackQuants(rows, panel, unpacked);
            for (var block = 0; block < Blocks; block++)
            {
                var at = block * VectorBytes;
                RowScales.Load(rows, block * TBlock.Bytes).Store((float*)(panel + ScalesAt + at));
                if (TBlock.Minimum == MinimumKind.Scaled)
                {
                    RowScales.Load(rows, block * TBlock.Bytes + sizeof(short)).Store((float*)(panel + MinimaAt + at));
                }
            }
        }
    }

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
            UnpackedSmallBlocks.Unpack<TBlock, TDot>(rows[r], unpacked + r * UnpackedSmallBlocks.Bytes);
        }

        Panel.PackQuants(unpacked, UnpackedSmallBlocks.Bytes, TBlock.IsSigned, panel, VectorBytes);
    }

    public static void Finish(float* sums) => TLanes.Store(RowSums.Of<TLanes, TVector>(sums), sums);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add4(float* sums, byte* panel, int group, byte* activations, long activationStride)
    {
        var a0 = activations;
        var a1 = a0 + activationStride;
        var a2 = a1 + activationStride;
        var a3 = a2 + activationStride;
        var one = TLanes.Shorts(1);
        var quants = panel;
        for (var block = 0; block < Blocks; block++)
        {
            var at = block * 32;
            Multiply4(quants, a0 + at, a1 + at, a2 + at, a3 + at, one, out var i0, out var i1, out var i2, out var i3);
            quants += StepsPerBlock * StepBytes;
            AddScaled(sums, i0, panel, block, a0);
            AddScaled(sums + ActivationSums, i1, panel, block, a1);
            AddScaled(sums + 2 * ActivationSums, i2, panel, block, a2);
            AddScaled(sums + 3 * ActivationSums, i3, panel, block, a3);
            sums += Rows;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Multiply4(
        byte* quants, byte* a0, byte* a1, byte* a2, byte* a3, TVector one,
        out TVector i0, out TVector i1, out TVector i2, out TVector i3)
    {
        if (TBlock.IsSigned)
        {
            PanelSums<TLanes, TVector>.AddPlanes(
                quants, a0, a1, a2, a3, out i0, out i1, out i2, out i3, out var h0, out var h1, out var h2, out var h3);
            var sixteen = TLanes.ShiftShorts(one, 4);
            i0 = TLanes.AddIntegers(TLanes.DotShorts(i0, one), TLanes.DotShorts(h0, sixteen));
            i1 = TLanes.AddIntegers(TLanes.DotShorts(i1, one), TLanes.DotShorts(h1, sixteen));
            i2 = TLanes.AddIntegers(TLanes.DotShorts(i2, one), TLanes.DotShorts(h2, sixteen));
            i3 = TLanes.AddIntegers(TLanes.DotShorts(i3, one), TLanes.DotShorts(h3, sixteen));
            return;
        }

        PanelSums<TLanes, TVector>.Add(quants, StepBytes, StepsPerSum, a0, a1, a2, a3, out i0, out i1, out i2, out i3);
        i0 = TLanes.DotShorts(i0, one);
        i1 = TLanes.DotShorts(i1, one);
        i2 = TLanes.DotShorts(i2, one);
        i3 = TLanes.DotShorts(i3, one);
        if (StepsPerSum < StepsPerBlock)
        {
            const int half = StepsPerBlock / 2;
            const int at = half * 4;
            PanelSums<TLanes, TVector>.Add(
                quants + half * StepBytes, StepBytes, half, a0 + at, a1 + at, a2 + at, a3 + at,
                out var s0, out var s1, out var s2, out var s3);
            i0 = TLanes.AddIntegers(i0, TLanes.DotShorts(s0, one));
            i1 = TLanes.AddIntegers(i1, TLanes.DotShorts(s1, one));
            i2 = TLanes.AddIntegers(i2, TLanes.DotShorts(s2, one));
            i3 = TLanes.AddIntegers(i3, TLanes.DotShorts(s3, one));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add1(float* sums, byte* panel, int group, byte* activations)
    {
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

            AddScaled(sums, product, panel, block, activations);
            sums += Rows;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void AddScaled(float* sums, TVector integers, byte* panel, int block, byte* activations)
    {
        var sum = TLanes.Load(sums);
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
        TLanes.Store(TLanes.MultiplyAddFloats(product, factor, sum), sums);
    }
}
