using NvStream.Compute.Cpu.Formats;

namespace NvStream.Compute.Cpu;

/// <summary>
/// Y = X * W^T for several weights: X is encoded once for each encoding that the weights ask for, then the rows of all
/// weights are shared out in one parallel region.
/// </summary>
internal static unsafe class CpuMatMul
{
    /// <summary>Bytes of weights in an item, when there are plenty.</summary>
    const long ItemBytes = 32 << 10;

    /// <summary>Items a thread gets at least, when rows are few.</summary>
    const int ItemsPerThread = 4;

    /// <summary>Weight elements a nanosecond on one thread with one activation row.</summary>
    const double Rate = 12;

    const double EncodeTime = 0.3;

    public static void Run(CpuWorkers workers, CpuScratch scratch, Matrix x, ReadOnlySpan<Projection> projections)
    {
        var rows = x.Rows;
        if (IsPadded(x, projections))
        {
            rows = (int)Math.Min(rows, scratch.PaddedLength / Activations.RowBytes(ActivationEncoding.F32, x.Columns));
        }

        var plans = stackalloc ProjectionPlan[projections.Length];
        for (var first = 0; first < x.Rows; first += rows)
        {
            Multiply(workers, scratch, x, first, Math.Min(rows, x.Rows - first), projections, plans);
        }
    }

    /// <summary>Float weights take the activations as they are, but whole vectors of them.</summary>
    static bool IsPadded(Matrix x, ReadOnlySpan<Projection> projections)
    {
        if (Activations.RowBytes(ActivationEncoding.F32, x.Columns) == x.Columns * (long)sizeof(float))
        {
            return false;
        }

        foreach (var projection in projections)
        {
            if (WeightFormat.For(projection.W.Type)!.Encoding == ActivationEncoding.F32)
            {
                return true;
            }
        }

        return false;
    }

    static void Multiply(
        CpuWorkers workers,
        CpuScratch scratch,
        Matrix x,
        int firstRow,
        int rows,
        ReadOnlySpan<Projection> projections,
        ProjectionPlan* plans)
    {
        var source = (float*)x.Address + ((long)firstRow * x.Columns);
        var encoded = 0;
        var (totalBytes, weights) = (0L, 0.0);
        for (var i = 0; i < projections.Length; i++)
        {
            var (weight, y) = projections[i];
            var format = WeightFormat.For(weight.Type)!;
            var rowBytes = (long)(x.Columns / format.BlockElements) * format.BlockBytes;
            var stride = Activations.RowBytes(format.Encoding, x.Columns);
            var activations = Place(scratch, format.Encoding, source, x.Columns);
            if (activations != source && (encoded & (1 << (int)format.Encoding)) == 0)
            {
                var job = new EncodeJob
                {
                    Encoding = format.Encoding,
                    X = source,
                    Columns = x.Columns,
                    Encoded = activations,
                    RowBytes = stride,
                };
                workers.RunTimed(rows, x.Columns * EncodeTime, ref job);
                encoded |= 1 << (int)format.Encoding;
            }

            plans[i] = new ProjectionPlan
            {
                Type = weight.Type,
                Weights = (byte*)weight.Address,
                WeightRowBytes = rowBytes,
                WeightRows = weight.Rows,
                Activations = activations,
                ActivationStride = stride,
                Y = (float*)y.Address + ((long)firstRow * y.Columns),
            };
            totalBytes += weight.Rows * rowBytes;
            weights += (double)weight.Rows * x.Columns;
        }

        var items = Number(plans, projections.Length, Math.Min(ItemBytes, totalBytes / (workers.Count * ItemsPerThread)));
        if (items == 0)
        {
            return;
        }

        var product = new MatMulJob { Plans = plans, PlanCount = projections.Length, Columns = x.Columns, ActivationRows = rows };
        workers.Run(items, weights * rows / Rate < CpuWorkers.WorthSharing ? items : 1, ref product);
    }

    static byte* Place(CpuScratch scratch, ActivationEncoding encoding, float* source, int columns) => encoding switch
    {
        ActivationEncoding.Q8_32 => scratch.Encoded32,
        ActivationEncoding.Q8_256 => scratch.Encoded256,
        _ when Activations.RowBytes(encoding, columns) == columns * (long)sizeof(float) => (byte*)source,
        _ => scratch.Padded,
    };

    /// <summary>Cuts the weights into items of about so many bytes and numbers these; returns how many there are.</summary>
    static int Number(ProjectionPlan* plans, int count, long itemBytes)
    {
        // Kernels take so many rows at a time.
        const int unit = 16;
        var items = 0;
        for (var i = 0; i < count; i++)
        {
            ref var plan = ref plans[i];
            var rows = itemBytes / Math.Max(1, plan.WeightRowBytes) / unit * unit;
            plan.RowsPerItem = (int)Math.Clamp(rows, unit, Math.Max(unit, plan.WeightRows));
            plan.FirstItem = items;
            items = checked(items + ((plan.WeightRows + plan.RowsPerItem - 1) / plan.RowsPerItem));
        }

        return items;
    }
}
