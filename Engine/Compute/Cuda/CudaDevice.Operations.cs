using NvStream.Compute.Cuda.Driver;
using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

/// <summary>The operations: arguments are checked, encodings kept or made, kernels put on the compute stream.</summary>
internal sealed unsafe partial class CudaDevice
{
    NormOp Norm => field ??= new(launcher);

    ElementwiseOp Elementwise => field ??= new(launcher);

    RotaryOp Rotary => field ??= new(launcher);

    DecodeAttentionOp DecodeAttention => field ??= new(launcher);

    PrefillAttentionOp PrefillAttention => field ??= new(launcher);

    MatVecOp MatVec => field ??= new(launcher);

    MatMulOp TensorCores => field ??= new(launcher);

    TopKOp Largest => field ??= new(launcher);

    public void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x)
    {
        Enter(nameof(Embed));
        OpChecks.Embed(rows, type, x, this);
        if (IsEmpty(x))
        {
            return;
        }

        if (type == TensorType.F32)
        {
            encoded.Wrote(x);
            Upload(rows, x.Address);
            return;
        }

        // Nothing of a pass is encoded yet when its tokens are embedded, so the encodings' place holds the rows.
        var room = Scratch(x.Rows, x.Columns);
        encoded.Forget();
        Upload(rows, room.EmbeddingRows);
        TensorCores.Dequantize(room.EmbeddingRows, type, x);
    }

    public void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y)
    {
        Enter();
        OpChecks.RmsNorm(x, gain, y);
        Normalize(x, default, gain, epsilon, y);
    }

    public void AddRmsNorm(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y)
    {
        Enter();
        OpChecks.SameShape(x, delta, nameof(delta));
        OpChecks.RmsNorm(x, gain, y);
        encoded.Wrote(x);
        Normalize(x, delta, gain, epsilon, y);
    }

    public void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows = 0)
    {
        Enter();
        OpChecks.MatMul(x, projections, decodeRows, this);
        if (IsEmpty(x) || projections.IsEmpty)
        {
            return;
        }

        var demand = DemandOf(x, projections);
        var encodings = Scratch(x.Rows, x.Columns).Encodings(
            x.Columns, demand.Quants ? decodeRows : 0, halves: decodeRows < x.Rows || demand.Halves);
        if ((encodings.Quants != 0 || encodings.Halves != 0) && !encoded.Covers(x, encodings))
        {
            Elementwise.Encode(x, encodings);
            encoded.Remember(x, encodings);
        }

        if (decodeRows > 0)
        {
            MatVec.Run(x, encodings, decodeRows, projections);
        }

        if (decodeRows < x.Rows)
        {
            TensorCores.Run(encodings, decodeRows, x.Rows, projections);
        }

        foreach (var projection in projections)
        {
            encoded.Wrote(projection.Y);
        }
    }

    public void AddBias(Matrix y, Weight bias)
    {
        Enter();
        OpChecks.AddBias(y, bias);
        if (!IsEmpty(y))
        {
            encoded.Wrote(y);
            Elementwise.AddBias(y, bias.Address);
        }
    }

    public void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences)
    {
        Enter();
        OpChecks.Rope(x, headDim, rope, sequences);
        Pass.Use(sequences);
        encoded.Wrote(x);
        foreach (var run in Pass.Runs)
        {
            Rotary.Rope(Rows(x, run), headDim, rope, Pass.StatesFrom(run.First));
        }
    }

    public void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        Enter();
        OpChecks.StoreKv(k, v, cache, sequences);
        Pass.Use(sequences);
        foreach (var run in Pass.Runs)
        {
            Rotary.StoreKv(Rows(k, run), Rows(v, run), cache, Pass.StatesFrom(run.First));
        }
    }

    public void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences)
    {
        Enter();
        OpChecks.Rope(q, cache.HeadDim, rope, sequences);
        OpChecks.Rope(k, cache.HeadDim, rope, sequences);
        OpChecks.StoreKv(k, v, cache, sequences);
        Pass.Use(sequences);
        encoded.Wrote(q);
        encoded.Wrote(k);
        foreach (var run in Pass.Runs)
        {
            Rotary.RopeAndStoreKv(Rows(q, run), Rows(k, run), Rows(v, run), rope, cache, Pass.StatesFrom(run.First));
        }
    }

    public void Attention(Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y)
    {
        Enter();
        OpChecks.Attention(q, cache, sequences, y);
        Pass.Use(sequences);
        encoded.Wrote(y);
        var decoding = Pass.DecodingRuns;
        var isWhole = decoding is [{ First: 0 } all] && all.Count == y.Rows;
        foreach (var run in decoding)
        {
            var encodings = isWhole ? Wanted(y) : default;
            DecodeAttention.Run(
                Rows(q, run), cache, scale, Pass.StatesFrom(run.First), run.Count, Rows(y, run), encodings, Scratch(q.Rows, q.Columns).Work);
            Remember(y, encodings);
        }

        if (!isWhole && Pass.Tiles(PrefillAttentionOp.TileRows(cache, q.Columns / cache.HeadDim)) is (var tiles, > 0 and var count))
        {
            PrefillAttention.Run(q, cache, scale, tiles, count, y);
        }
    }

    public void SwiGlu(Matrix gate, Matrix up, Matrix y)
    {
        Enter();
        OpChecks.SameShape(gate, up, nameof(up));
        OpChecks.SameShape(gate, y, nameof(y));
        if (IsEmpty(y))
        {
            return;
        }

        encoded.Wrote(y);
        var encodings = Wanted(y);
        Elementwise.SwiGlu(gate, up, y, encodings);
        Remember(y, encodings);
    }

    public void Add(Matrix x, Matrix delta)
    {
        Enter();
        OpChecks.SameShape(x, delta, nameof(delta));
        if (!IsEmpty(x))
        {
            encoded.Wrote(x);
            Elementwise.Add(x, delta);
        }
    }

    public void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y)
    {
        Enter();
        OpChecks.GatherRows(x, rows, y);
        if (!IsEmpty(y))
        {
            encoded.Wrote(y);
            Elementwise.GatherRows(x, Pass.LogitRows(rows), y);
        }
    }

    public void TopK(Matrix x, int columns, int k, Span<int> ids, Span<float> values)
    {
        Enter(nameof(TopK));
        OpChecks.TopK(x, columns, k, ids, values);
        var room = Scratch(1, 1);
        if (x.Rows == 0)
        {
            compute.Synchronize();
        }

        for (var first = 0; first < x.Rows; first += room.Layout.TopKRows)
        {
            var rows = Math.Min(x.Rows - first, room.Layout.TopKRows);
            var valuesAt = (int)ScratchLayout.TopKValues(rows, k);
            for (var at = 0; at < rows; at += TopKLaunchRows)
            {
                var place = room.TopK + (at * k * sizeof(int));
                Largest.Run(
                    Rows(x, new(first + at, Math.Min(TopKLaunchRows, rows - at))), columns, k, place, place + valuesAt, room.Work);
            }

            launcher.Interrupt();
            Copies.Download(context, room.TopK, readback.Value, ScratchLayout.TopKBytes(rows, k), compute);
            compute.Synchronize();

            new ReadOnlySpan<int>((void*)readback.Value, rows * k).CopyTo(ids[(first * k)..]);
            new ReadOnlySpan<float>((void*)(readback.Value + valuesAt), rows * k).CopyTo(values[(first * k)..]);
        }

        stalls.Collect();
    }

    void Normalize(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y)
    {
        if (IsEmpty(y))
        {
            return;
        }

        encoded.Wrote(y);
        var encodings = Wanted(y);
        Norm.Run(x, delta, gain.Address, epsilon, y, encodings);
        Remember(y, encodings);
    }

    /// <summary>What decoding rows of these products are read as; remembered for the operations that write X.</summary>
    DecodeEncodings DemandOf(Matrix x, ReadOnlySpan<Projection> projections)
    {
        var demand = new DecodeEncodings();
        foreach (var projection in projections)
        {
            var type = projection.W.Type;
            demand = new(demand.Quants || MatVecOp.NeedsQuants(type), demand.Halves || MatVecOp.NeedsHalves(type, x.Columns));
        }

        demands.Learn(x, demand);
        return demand;
    }

    /// <summary>
    /// The encodings that the next product will ask of a matrix: of the pass's own rows, which go on to a layer's
    /// products, and of the rows whose logits are wanted, which go on to the head.
    /// </summary>
    Encoded Wanted(Matrix y)
    {
        if (demands.Of(y) is not { } demand || pass is not { } announced || !Scratch(1, 1).Fits(y.Rows, y.Columns))
        {
            return default;
        }

        var isPass = y.Rows == announced.Rows;
        var isHead = y.Rows == announced.LogitRowCount;
        var decodeRows = isHead ? y.Rows : isPass ? announced.DecodeRows : 0;
        var hasPrompts = isPass && announced.DecodeRows < y.Rows;
        return Scratch(1, 1).Encodings(
            y.Columns, demand.Quants ? decodeRows : 0, halves: hasPrompts || (demand.Halves && decodeRows > 0));
    }

    /// <summary>An operation has written these encodings beside its result.</summary>
    void Remember(Matrix y, in Encoded encodings)
    {
        if (encodings.Quants != 0 || encodings.Halves != 0)
        {
            encoded.Remember(y, encodings);
        }
    }

    static bool IsEmpty(Matrix x) => x.Rows == 0 || x.Columns == 0;

    static Matrix Rows(Matrix x, RowRun run) => new(x.Address + (nint)((long)run.First * x.Columns * sizeof(float)), run.Count, x.Columns);
}
