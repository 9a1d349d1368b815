using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>An element of a float tensor.</summary>
internal unsafe interface IFloatElement
{
    static abstract TensorType Type { get; }

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
    const int Step = 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        var a = 0;
        for (; a + 4 <= activationRows; a += 4)
        {
            for (var r = 0; r < rowCount; r++)
            {
                MultiplyRow4(
                    rows + r * rowBytes, columns, activations + a * activationStride, activationStride,
                    y + (long)a * yStride + r, yStride);
            }
        }

        for (; a < activationRows; a++)
        {
            for (var r = 0; r < rowCount; r++)
            {
                y[(long)a * yStride + r] = MultiplyRow(
                    rows + r * rowBytes, columns, (float*)(activations + a * activationStride));
            }
        }
    }

    protected override void Dequantize(byte* blocks, int count, float* values)
    {
        for (var i = 0; i < count; i++)
        {
            values[i] = TElement.ToSingle(blocks + (long)i * BlockBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    float MultiplyRow(byte* row, int columns, float* x)
    {
        var padded = stackalloc byte[Step * sizeof(float)];
        var sum = TLanes.Zero;
        for (; columns > 0; columns -= Step, row += Step * BlockBytes, x += Step)
        {
            if (columns < Step)
            {
                row = Pad(row, columns, padded);
            }

            sum = TLanes.MultiplyAdd(TElement.Load<TLanes>(row), TLanes.Load(x), sum);
        }

        return TLanes.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    void MultiplyRow4(byte* row, int columns, byte* activations, long activationStride, float* y, int yStride)
    {
        var x0 = (float*)activations;
        var x1 = (float*)(activations + activationStride);
        var x2 = (float*)(activations + activationStride * 2);
        var x3 = (float*)(activations + activationStride * 3);
        var padded = stackalloc byte[Step * sizeof(float)];
        var sum0 = TLanes.Zero;
        var sum1 = TLanes.Zero;
        var sum2 = TLanes.Zero;
        var sum3 = TLanes.Zero;
        for (var i = 0; i < columns; i += Step, row += Step * BlockBytes)
        {
            if (columns - i < Step)
            {
                row = Pad(row, columns - i, padded);
            }

            var weights = TElement.Load<TLanes>(row);
            sum0 = TLanes.MultiplyAdd(weights, TLanes.Load(x0 + i), sum0);
            sum1 = TLanes.MultiplyAdd(weights, TLanes.Load(x1 + i), sum1);
            sum2 = TLanes.MultiplyAdd(weights, TLanes.Load(x2 + i), sum2);
            sum3 = TLanes.MultiplyAdd(weights, TLanes.Load(x3 + i), sum3);
        }

        y[0] = TLanes.Sum(sum0);
        y[yStride] = TLanes.Sum(sum1);
        y[2L * yStride] = TLanes.Sum(sum2);
        y[3L * yStride] = TLanes.Sum(sum3);
    }

    // A row's last elements, fewer than a step, with zeros after them, like the activations'.
    byte* Pad(byte* row, int columns, byte* padded)
    {
        new Span<byte>(padded, Step * sizeof(float)).Clear();
        new ReadOnlySpan<byte>(row, columns * BlockBytes).CopyTo(new Span<byte>(padded, Step * sizeof(float)));
        return padded;
    }
}
