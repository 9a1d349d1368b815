using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>An element of a float tensor.</summary>
internal unsafe interface IFloatElement
{
    static abstract TensorType Type { get; }

    static abstract int Bytes { get; }

    static abstract float ToSingle(byte* element);

    /// <summary>Sixteen elements.</summary>
    static abstract TLanes Load<TLanes>(byte* elements)
        where TLanes : struct, IFloatLanes<TLanes>;
}

/// <summary>
/// Products of float weights with float32 activations, sixteen elements a step: lane i of a sum takes elements i, i + 16,
/// ... Scalar equivalent: sixteen running sums, added up at the end.
/// </summary>
internal sealed unsafe class FloatFormat<TElement, TLanes>() : WeightFormat(TElement.Type, ActivationEncoding.F32)
    where TElement : struct, IFloatElement
    where TLanes : struct, IFloatLanes<TLanes>
{
    const int Step = FloatPanel.Step;
    const int FewestRows = 3;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        if (activationRows >= FloatPanel.FewestActivationRows && rowCount >= FewestRows)
        {
            FloatPanel<TElement, TLanes>.Multiply(
                rows, rowBytes, rowCount, columns, activations, activationStride, activationRows, y, yStride);
            return;
        }

        var tailElements = columns % Step;
        var tail = stackalloc byte[Step * sizeof(float)];
        for (var a = 0; a < activationRows;)
        {
            var count = activationRows - a >= 4 ? 4 : 1;
            for (var r = 0; r < rowCount; r++)
            {
                var row = rows + r * rowBytes;
                if (tailElements > 0)
                {
                    // The row's last elements with zeros after them, like the activations'.
                    new ReadOnlySpan<byte>(row + (long)(columns - tailElements) * TElement.Bytes, tailElements * TElement.Bytes)
                        .CopyTo(new Span<byte>(tail, Step * sizeof(float)));
                }

                var x = activations + a * activationStride;
                var result = y + (long)a * yStride + r;
                if (count == 4)
                {
                    MultiplyRow4(row, columns, tail, x, activationStride, result, yStride);
                }
                else
                {
                    *result = MultiplyRow(row, columns, tail, (float*)x);
                }
            }

            a += count;
        }
    }

    protected override void Dequantize(byte* blocks, int count, float* values)
    {
        for (var i = 0; i < count; i++)
        {
            values[i] = TElement.ToSingle(blocks + (long)i * TElement.Bytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static float MultiplyRow(byte* row, int columns, byte* tail, float* x)
    {
        var step = Step * TElement.Bytes;
        var sum = TLanes.Zero;

        // Two steps a turn, since a format's constants are loaded in every turn.
        for (; columns >= 2 * Step; columns -= 2 * Step)
        {
            if (TElement.Bytes < sizeof(float))
            {
                // Without a conversion the loads alone keep memory busy, and asking took a tenth off the rate.
                Prefetch.Ahead(row, 2 * step);
            }

            sum = TLanes.MultiplyAdd(TElement.Load<TLanes>(row), TLanes.Load(x), sum);
            sum = TLanes.MultiplyAdd(TElement.Load<TLanes>(row + step), TLanes.Load(x + Step), sum);
            row += 2 * step;
            x += 2 * Step;
        }

        if (columns >= Step)
        {
            sum = TLanes.MultiplyAdd(TElement.Load<TLanes>(row), TLanes.Load(x), sum);
            columns -= Step;
            x += Step;
        }

        if (columns > 0)
        {
            sum = TLanes.MultiplyAdd(TElement.Load<TLanes>(tail), TLanes.Load(x), sum);
        }

        return TLanes.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void MultiplyRow4(
        byte* row, int columns, byte* tail, byte* activations, long activationStride, float* y, int yStride)
    {
        var x0 = (float*)activations;
        var x1 = (float*)(activations + activationStride);
        var x2 = (float*)(activations + activationStride * 2);
        var x3 = (float*)(activations + activationStride * 3);
        var sum0 = TLanes.Zero;
        var sum1 = TLanes.Zero;
        var sum2 = TLanes.Zero;
        var sum3 = TLanes.Zero;
        for (nint i = 0; i < columns; i += Step)
        {
            var weights = TElement.Load<TLanes>(columns - i >= Step ? row : tail);
            sum0 = TLanes.MultiplyAdd(weights, TLanes.Load(x0 + i), sum0);
            sum1 = TLanes.MultiplyAdd(weights, TLanes.Load(x1 + i), sum1);
            sum2 = TLanes.MultiplyAdd(weights, TLanes.Load(x2 + i), sum2);
            sum3 = TLanes.MultiplyAdd(weights, TLanes.Load(x3 + i), sum3);
            row += Step * TElement.Bytes;
        }

        y[0] = TLanes.Sum(sum0);
        y[yStride] = TLanes.Sum(sum1);
        y[2L * yStride] = TLanes.Sum(sum2);
        y[3L * yStride] = TLanes.Sum(sum3);
    }
}
