namespace NvStream.Compute.Cpu;

/// <summary>
/// The operations whose kernels depend on the vector width, shared out over workers. Arguments have been checked.
/// </summary>
internal abstract unsafe class CpuOps
{
    /// <param name="vectorBits">128, 256 or 512.</param>
    public static CpuOps For(int vectorBits) => vectorBits switch
    {
        128 => new CpuOps<Width128, System.Runtime.Intrinsics.Vector128<float>>(),
        256 => new CpuOps<Width256, System.Runtime.Intrinsics.Vector256<float>>(),
        512 => new CpuOps<Width512, System.Runtime.Intrinsics.Vector512<float>>(),
        _ => throw new ArgumentOutOfRangeException(nameof(vectorBits), vectorBits, "A vector has 128, 256 or 512 bits."),
    };

    public abstract void RmsNorm(CpuWorkers workers, Matrix x, float* gain, float epsilon, Matrix y);

    public abstract void Rope(CpuWorkers workers, Matrix x, int headDim, RopeTable rope, RopeAngles angles);

    public abstract void StoreKv(CpuWorkers workers, Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences);

    public abstract void Attention(
        CpuWorkers workers, CpuScratch scratch, Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y);

    public abstract void SwiGlu(CpuWorkers workers, Matrix gate, Matrix up, Matrix y);

    public abstract void Add(CpuWorkers workers, Matrix x, Matrix delta);

    public abstract void AddBias(CpuWorkers workers, Matrix y, float* bias);
}

/// <summary>The operations for one width.</summary>
internal sealed unsafe class CpuOps<TWidth, TVector> : CpuOps
    where TWidth : unmanaged, IWidth<TVector>
    where TVector : unmanaged
{
    // Nanoseconds an element takes on one thread: they decide what is worth sharing, not more.
    const double NormTime = 0.15;
    const double RopeTime = 0.25;
    const double StoreTime = 0.4;
    const double SwiGluTime = 0.7;
    const double AddTime = 0.15;

    public override void RmsNorm(CpuWorkers workers, Matrix x, float* gain, float epsilon, Matrix y)
    {
        var job = new RmsNormJob<TWidth, TVector>
        {
            X = (float*)x.Address,
            Gain = gain,
            Y = (float*)y.Address,
            Columns = x.Columns,
            Epsilon = epsilon,
        };
        workers.RunTimed(x.Rows, x.Columns * NormTime, ref job);
    }

    public override void Rope(CpuWorkers workers, Matrix x, int headDim, RopeTable rope, RopeAngles angles)
    {
        if (x.Rows == 0)
        {
            return;
        }

        var job = new RopeJob<TWidth, TVector>
        {
            X = (float*)x.Address,
            Table = angles.Row(0),
            Positions = angles.Positions,
            Columns = x.Columns,
            HeadDim = headDim,
            Dimensions = rope.Dimensions,
            Layout = rope.Layout,
        };
        workers.RunTimed(x.Rows, x.Columns * RopeTime, ref job);
    }

    public override void StoreKv(CpuWorkers workers, Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        var rows = 0;
        foreach (var sequence in sequences)
        {
            rows += sequence.RowCount;
        }

        fixed (SequenceSpan* spans = sequences)
        {
            var job = new StoreKvJob<TWidth, TVector>
            {
                K = (float*)k.Address,
                V = (float*)v.Address,
                Cache = cache,
                Sequences = spans,
            };
            workers.RunTimed(rows, 2 * k.Columns * StoreTime, ref job);
        }
    }

    public override void Attention(
        CpuWorkers workers, CpuScratch scratch, Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y)
    {
        fixed (SequenceSpan* spans = sequences)
        {
            AttentionPlan.Run<TWidth, TVector>(workers, scratch, q, cache, scale, spans, sequences.Length, y);
        }
    }

    public override void SwiGlu(CpuWorkers workers, Matrix gate, Matrix up, Matrix y)
    {
        var job = new SwiGluJob<TWidth, TVector>
        {
            Gate = (float*)gate.Address,
            Up = (float*)up.Address,
            Y = (float*)y.Address,
            Count = (long)gate.Rows * gate.Columns,
        };
        workers.RunTimed(Run.Of(job.Count), Run.Elements * SwiGluTime, ref job);
    }

    public override void Add(CpuWorkers workers, Matrix x, Matrix delta)
    {
        var job = new AddJob<TWidth, TVector>
        {
            X = (float*)x.Address,
            Delta = (float*)delta.Address,
            Count = (long)x.Rows * x.Columns,
        };
        workers.RunTimed(Run.Of(job.Count), Run.Elements * AddTime, ref job);
    }

    public override void AddBias(CpuWorkers workers, Matrix y, float* bias)
    {
        var job = new AddBiasJob<TWidth, TVector> { Y = (float*)y.Address, Bias = bias, Columns = y.Columns };
        workers.RunTimed(y.Rows, y.Columns * AddTime, ref job);
    }
}
