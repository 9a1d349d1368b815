using NvStream.Compute;
using NvStream.Gguf;
using static NvStream.Models.LayerTensor;

namespace NvStream.Models;

/// <summary>
/// The forward pass of llama, qwen2 and qwen3: pre-norm attention with grouped queries and rotary positions, then a
/// gated feed-forward block, each added to the residual stream (arXiv 2302.13971, 2407.10671, 2505.09388).
/// A block's output stays in a matrix of its own and is added by the norm that follows it, in the same sweep.
/// </summary>
public sealed class Decoder
{
    readonly IComputeDevice _device;
    readonly GgufFile _file;
    readonly ModelSpec _spec;
    readonly LayerLayout[] _layers;
    readonly GgufTensor _embedding;
    readonly Action _issue;
    byte[] _embeddingRows = [];
    Run _run;

    public Decoder(IComputeDevice device, GgufFile file, ModelSpec spec, LayerLayout[] layers)
    {
        _device = device;
        _file = file;
        _spec = spec;
        _layers = layers;
        _embedding = file.FindTensor("token_embd.weight")!;
        _issue = IssueStretch;
    }

    /// <summary>
    /// Runs a pass: stores the rows' keys and values in the cache, and leaves the logits of the wanted rows in
    /// <see cref="Workspace.Logits"/>. Returns when all of it has been issued.
    /// </summary>
    public void Forward(Pass pass, ILayerSource source, KvCache cache, Workspace work, CancellationToken cancellationToken)
    {
        _run = new(pass, source, cache, work, cancellationToken);
        _device.BeginPass(pass.Sequences, pass.LogitRows);
        Embed(pass.Tokens, work.X(pass.Rows));

        // The head is the last layer, acquired even where no logits are wanted: the belt turns in one fixed order.
        for (var first = 0; first < _layers.Length; first = _run.Stretch.End)
        {
            _run.Stretch = StretchFrom(first);
            if (_run.Stretch.IsResident)
            {
                _device.Issue(_run.Stretch, _issue);
                continue;
            }

            _run.Streamed = source.Acquire(first, cancellationToken);
            _device.Issue(_run.Stretch, _issue);
            source.Release(first);
        }
    }

    /// <summary>A streamed layer alone, or as many resident ones as follow each other.</summary>
    Stretch StretchFrom(int first)
    {
        var isResident = _run.Source.IsResident(first);
        var end = first + 1;
        while (isResident && end < _layers.Length && _run.Source.IsResident(end))
        {
            end++;
        }

        return new(first, end, _run.Pass.Rows, _run.Pass.LogitRows.Length, isResident);
    }

    void IssueStretch()
    {
        var (stretch, source) = (_run.Stretch, _run.Source);
        for (var i = stretch.First; i < stretch.End; i++)
        {
            var w = _layers[i].At(stretch.IsResident ? source.Acquire(i, _run.CancellationToken) : _run.Streamed);
            _device.EnterLayer(_layers[i].Name);
            if (i == _spec.LayerCount)
            {
                OutputHead(w);
                continue;
            }

            Attention(i, w);
            _run.CancellationToken.ThrowIfCancellationRequested();
            FeedForward(w);
        }
    }

    void Attention(int layer, LayerWeights w)
    {
        var (work, rows) = (_run.Work, _run.Pass.Rows);
        var (x, h, q, k, v) = (work.X(rows), work.Hidden(rows), work.Q(rows), work.K(rows), work.V(rows));
        if (layer == 0)
        {
            _device.RmsNorm(x, w[AttentionNorm], _spec.NormEpsilon, h);
        }
        else
        {
            _device.AddRmsNorm(x, h, w[AttentionNorm], _spec.NormEpsilon, h);
        }

        _device.MatMul(h, [new(w[Q], q), new(w[K], k), new(w[V], v)], _run.Pass.DecodeRows);
        AddBias(q, w[QBias]);
        AddBias(k, w[KBias]);
        AddBias(v, w[VBias]);
        NormHeads(q, w[QNorm]);
        NormHeads(k, w[KNorm]);

        var sequences = _run.Pass.Sequences;
        var (cache, attended) = (_run.Cache[layer], work.Attended(rows));
        _device.RopeAndStoreKv(q, k, v, work.Rope, cache, sequences);
        _device.Attention(q, cache, 1 / MathF.Sqrt(_spec.HeadDim), sequences, attended);
        _device.MatMul(attended, [new(w[Output], h)], _run.Pass.DecodeRows);
        AddBias(h, w[OutputBias]);
    }

    void FeedForward(LayerWeights w)
    {
        var (work, rows) = (_run.Work, _run.Pass.Rows);
        var (x, h, gate, up) = (work.X(rows), work.Hidden(rows), work.Gate(rows), work.Up(rows));
        _device.AddRmsNorm(x, h, w[FfnNorm], _spec.NormEpsilon, h);
        _device.MatMul(h, [new(w[Gate], gate), new(w[Up], up)], _run.Pass.DecodeRows);
        _device.SwiGlu(gate, up, gate);
        _device.MatMul(gate, [new(w[Down], h)], _run.Pass.DecodeRows);
    }

    /// <summary>Logits of the rows that want them. Each is one token's, like a row being decoded.</summary>
    void OutputHead(LayerWeights w)
    {
        var (work, rows) = (_run.Work, _run.Pass.Rows);
        var logitRows = _run.Pass.LogitRows;
        if (logitRows.Length == 0)
        {
            return;
        }

        var (x, h) = (work.X(rows), work.Hidden(rows));
        _device.AddRmsNorm(x, h, w[HeadNorm], _spec.NormEpsilon, h);
        if (logitRows.Length < rows)
        {
            // Nobody reads the residual stream after the last norm: its memory takes the rows that are wanted.
            _device.GatherRows(h, logitRows, x.Top(logitRows.Length));
            h = x.Top(logitRows.Length);
        }

        _device.MatMul(h, [new(w[Head], work.Logits(h.Rows))], decodeRows: h.Rows);
    }

    void AddBias(Matrix y, Weight bias)
    {
        if (bias.IsPresent)
        {
            _device.AddBias(y, bias);
        }
    }

    /// <summary>Norms each head on its own (qwen3).</summary>
    void NormHeads(Matrix x, Weight gain)
    {
        if (gain.IsPresent)
        {
            var heads = x.Reshape(x.Rows * (x.Columns / _spec.HeadDim), _spec.HeadDim);
            _device.RmsNorm(heads, gain, _spec.NormEpsilon, heads);
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
            _file.Read(_embedding, (long)tokens[i] * rowBytes, _embeddingRows.AsSpan(i * rowBytes, rowBytes));
        }

        _device.Embed(_embeddingRows.AsSpan(0, tokens.Length * rowBytes), _embedding.Type, x);
    }

    /// <summary>The pass being issued: what a delegate that is made once finds through its decoder.</summary>
    record struct Run(Pass Pass, ILayerSource Source, KvCache Cache, Workspace Work, CancellationToken CancellationToken)
    {
        public Stretch Stretch { get; set; }

        /// <summary>Address of the stretch's layer where it is not resident.</summary>
        public nint Streamed { get; set; }
    }
}
