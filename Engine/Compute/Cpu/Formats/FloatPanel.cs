using System.Runtime.CompilerServices;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Products of float weights with many activation rows. A panel of <see cref="Rows"/> weight rows by
/// <see cref="Columns"/> columns is converted to float32 once and stays in the first-level cache while the activation
/// rows pass by. Each product's additions are those of a single row's.
/// </summary>
internal static unsafe class FloatPanel<TElement, TLanes>
    where TElement : struct, IFloatElement
    where TLanes : struct, IFloatLanes<TLanes>
{
    const int Step = FloatPanel.Step;
    const int Rows = FloatPanel.Rows;
    const int Columns = FloatPanel.Columns;

    /// <summary>As <see cref="WeightFormat.Multiply"/>.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        // The stack has no alignment to speak of, and vectors across cache lines cost double.
        var memory = stackalloc float[(Rows * Columns) + (FloatPanel.ActivationRows * Rows * Step) + Step];
        var panel = (float*)(((nint)memory + 63) & -64);
        var sums = panel + (Rows * Columns);
        for (var r = 0; r < rowCount; r += Rows)
        {
            var panelRows = Math.Min(Rows, rowCount - r);
            for (var a = 0; a < activationRows; a += FloatPanel.ActivationRows)
            {
                var count = Math.Min(FloatPanel.ActivationRows, activationRows - a);
                new Span<float>(sums, (count + 2) / 3 * 3 * Rows * Step).Clear();
                for (var column = 0; column < columns; column += Columns)
                {
                    var width = Convert(rows + (r * rowBytes), rowBytes, panelRows, column, columns, panel);
                    var x = activations + (a * activationStride) + ((long)column * sizeof(float));
                    Accumulate(panel, panelRows, width, x, activationStride, count, sums);
                }

                for (var i = 0; i < count; i++)
                {
                    for (var j = 0; j < panelRows; j++)
                    {
                        y[((long)(a + i) * yStride) + r + j] = TLanes.Sum(TLanes.Load(sums + (((i * Rows) + j) * Step)));
                    }
                }
            }
        }
    }

    /// <summary>
    /// Converts the panel that begins at a column, zeros behind the rows' ends up to whole steps, and zero rows up to a
    /// multiple of four. Returns the panel's columns.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static int Convert(byte* rows, long rowBytes, int panelRows, int column, int columns, float* panel)
    {
        var left = Math.Min(Columns, columns - column);
        var whole = left & -Step;
        var width = (left + Step - 1) & -Step;
        for (var r = 0; r < panelRows; r++)
        {
            var row = rows + (r * rowBytes) + ((long)column * TElement.Bytes);
            var destination = panel + (r * Columns);
            for (nint i = 0; i < whole; i += Step)
            {
                TLanes.Store(TElement.Load<TLanes>(row + (i * TElement.Bytes)), destination + i);
            }

            for (var i = whole; i < width; i++)
            {
                destination[i] = i < left ? TElement.ToSingle(row + ((long)i * TElement.Bytes)) : 0;
            }
        }

        for (var r = panelRows; r % 4 != 0; r++)
        {
            new Span<float>(panel + (r * Columns), width).Clear();
        }

        return width;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Accumulate(float* panel, int panelRows, int width, byte* activations, long stride, int count, float* sums)
    {
        for (var i = 0; i < count; i += 3)
        {
            // Rows missing from the last three are stood in for by the last one; their sums are not read.
            var x0 = (float*)(activations + (i * stride));
            var x1 = (float*)(activations + (Math.Min(i + 1, count - 1) * stride));
            var x2 = (float*)(activations + (Math.Min(i + 2, count - 1) * stride));
            for (var r = 0; r < panelRows; r += 4)
            {
                TLanes.Accumulate(panel + (r * Columns), x0, x1, x2, width, sums + (((i * Rows) + r) * Step));
            }
        }
    }
}

/// <summary>Sizes of the panels.</summary>
internal static class FloatPanel
{
    /// <summary>Running sums of a product, and so the columns of a step.</summary>
    public const int Step = 16;

    /// <summary>Weight rows of a panel: what one item of a product has at least.</summary>
    public const int Rows = 8;

    /// <summary>Columns of a panel: with <see cref="Rows"/> half of a first-level cache.</summary>
    public const int Columns = 384;

    /// <summary>Activation rows that share a conversion; a multiple of 3.</summary>
    public const int ActivationRows = 96;

    /// <summary>Fewer activation rows than this do not repay the conversion.</summary>
    public const int FewestActivationRows = 6;
}
