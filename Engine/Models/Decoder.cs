using NvStream.Compute;
using NvStream.Gguf;
using static NvStream.Models.LayerTensor;

namespace NvStream.Models;

/// <summary>
/// The forward pass of llama, qwen2 and qwen3: pre-norm attention with grouped queries and rotary positions, then a
/// gated feed-forward block, each added to the residual stream (arXiv 2302.13971, 2407.10671, 2505.09388).
/// </summary>
public sealed class Decoder(IComputeDevice device, GgufFile file, ModelSpec spec, LayerLayout[] layers)
{
    readonly GgufTensor _embedding = file.FindTensor("token_embd.weight")!;
    byte[] _embeddingRows = [];

    /// <summary>
    /// Runs a pass: stores the rows' keys and values in the cache, and leaves the logits of the wanted rows in
    /// <see cref="Workspace.Logits"/>.
    /// </summary>
    public void Forward(Pass pass, ILayerSource source, KvCache cache, Workspace work, CancellationToken cancellationToken)
    {
        var rows = pass.Rows;
        var x = work.X(rows);
        Embed(pass.Tokens, x);

        for (var i = 0; i < spec.LayerCount; i++)
        {
            var w = layers[i].At(source.Acquire(i, cancellationToken));
            Attention(w, x, cache[i], pass.Sequences, work);
            cancellationToken.ThrowIfCancellationRequested();
            FeedForward(w, x, work);
            source.Release(i);
        }

        // The head is acquired even where no logits are wanted: the belt turns in one fixed order.
        var head = layers[^1].At(source.Acquire(spec.LayerCount, cancellationToken));
        if (pass.LogitRows.Length > 0)
        {
            var last = work.Hidden(pass.LogitRows.Length);
            device.GatherRows(x, pass.LogitRows, last);
            device.RmsNorm(last, head[HeadNorm], spec.NormEpsilon, last);
            device.MatMul(last, [new(head[Head], work.Logits(last.Rows))]);
        }

        source.Release(spec.LayerCount);
    }

    void Attention(LayerWeights w, Matrix x, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences, Workspace work)
    {
        var rows = x.Rows;
        var (h, q, k, v) = (work.Hidden(rows), work.Q(rows), work.K(rows), work.V(rows));
        device.RmsNorm(x, w[AttentionNorm], spec.NormEpsilon, h);
        device.MatMul(h, [new(w[Q], q), new(w[K], k), new(w[V], v)]);
        AddBias(q, w[QBias]);
        AddBias(k, w[KBias]);
        AddBias(v, w[VBias]);
        NormHeads(q, w[QNorm]);
        NormHeads(k, w[KNorm]);

        device.Rope(q, spec.HeadDim, work.Rope, sequences);
        device.Rope(k, spec.HeadDim, work.Rope, sequences);
        device.StoreKv(k, v, cache, sequences);

        var attended = work.Attended(rows);
        device.Attention(q, cache, 1 / MathF.Sqrt(spec.HeadDim), sequences, attended);
        device.MatMul(attended, [new(w[Output], h)]);
        AddBias(h, w[OutputBias]);
        device.Add(x, h);
    }

    void FeedForward(LayerWeights w, Matrix x, Workspace work)
    {
        var (h, gate, up) = (work.Hidden(x.Rows), work.Gate(x.Rows), work.Up(x.Rows));
        device.RmsNorm(x, w[FfnNorm], spec.NormEpsilon, h);
        device.MatMul(h, [new(w[Gate], gate), new(w[Up], up)]);
        device.SwiGlu(gate, up, gate);
        device.MatMul(gate, [new(w[Down], h)]);
        device.Add(x, h);
    }

    void AddBias(Matrix y, Weight bias)
    {
        if (bias.IsPresent)
        {
            device.AddBias(y, bias);
        }
    }

    /// <summary>Norms each head on its own (qwen3).</summary>
    void NormHeads(Matrix x, Weight gain)
    {
        if (gain.IsPresent)
        {
            var heads = x.Reshape(x.Rows * (x.Columns / spec.HeadDim), spec.HeadDim);
            device.RmsNorm(heads, gain, spec.NormEpsilon, heads);
        }
    }

    /// <summary>Gathers the tokens' rows from the file: a few KiB a token, and the table needs no device memory.</summary>
    void Embed(ReadOnlySpan<int> tokens, Matrix x)
    {
        var rowBytes = (int)TensorTypes.BytesOf(_embedding.Type, _embedding.Columns);
        if (_embeddingRows.Length < tokens.Length * rowBytes)
        {
            _embeddingRows = new byte[tokens.Length * rowBytes];
        }

        for (var i = 0; i < tokens.Length; i++)
        {
            file.Read(_embedding, (long)tokens[i] * rowBytes, _embeddingRows.AsSpan(i * rowBytes, rowBytes));
        }

        device.Embed(_embeddingRows.AsSpan(0, tokens.Length * rowBytes), _embedding.Type, x);
    }
}
