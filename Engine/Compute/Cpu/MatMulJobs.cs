using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu;

/// <summary>Encodes activation rows for a product.</summary>
internal unsafe struct EncodeJob : IParallelJob
{
    public ActivationEncoding Encoding;
    public float* X;
    public int Columns;
    public byte* Encoded;
    public long RowBytes;

    public readonly void Execute(int begin, int end, int worker)
    {
        for (var row = begin; row < end; row++)
        {
            Activations.Encode(Encoding, X + ((long)row * Columns), Columns, Encoded + (row * RowBytes));
        }
    }
}

/// <summary>One projection of a product, as its items see it.</summary>
internal unsafe struct ProjectionPlan
{
    public TensorType Type;
    public byte* Weights;
    public long WeightRowBytes;
    public int WeightRows;
    public byte* Activations;
    public long ActivationStride;
    public float* Y;

    /// <summary>Weight rows of an item: they stay in the first cache levels while activations pass by.</summary>
    public int RowsPerItem;

    /// <summary>The projection's first item among those of the whole product.</summary>
    public int FirstItem;
}

/// <summary>All projections of one product: items are runs of weight rows.</summary>
internal unsafe struct MatMulJob : IParallelJob
{
    public ProjectionPlan* Plans;
    public int PlanCount;
    public int Columns;
    public int ActivationRows;

    public readonly void Execute(int begin, int end, int worker)
    {
        var p = PlanCount - 1;
        while (Plans[p].FirstItem > begin)
        {
            p--;
        }

        for (var item = begin; item < end; item++)
        {
            while (p + 1 < PlanCount && Plans[p + 1].FirstItem <= item)
            {
                p++;
            }

            Multiply(Plans[p], item - Plans[p].FirstItem);
        }
    }

    readonly void Multiply(in ProjectionPlan plan, int item)
    {
        var format = WeightFormat.For(plan.Type)!;
        var firstRow = item * plan.RowsPerItem;
        var rows = Math.Min(plan.RowsPerItem, plan.WeightRows - firstRow);
        format.Multiply(
            plan.Weights + (firstRow * plan.WeightRowBytes),
            plan.WeightRowBytes,
            rows,
            Columns,
            plan.Activations,
            plan.ActivationStride,
            ActivationRows,
            plan.Y + firstRow,
            plan.WeightRows);
    }
}

/// <summary>Dequantizes embedding rows.</summary>
internal unsafe struct EmbedJob : IParallelJob
{
    public TensorType Type;
    public byte* Rows;
    public long RowBytes;
    public float* X;
    public int Columns;

    public readonly void Execute(int begin, int end, int worker)
    {
        var format = WeightFormat.For(Type)!;
        for (var row = begin; row < end; row++)
        {
            format.Dequantize(
                new ReadOnlySpan<byte>(Rows + (row * RowBytes), (int)RowBytes),
                new Span<float>(X + ((long)row * Columns), Columns));
        }
    }
}
