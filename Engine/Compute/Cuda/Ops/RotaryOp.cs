using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>Rotary embedding and the way into the KV cache, together or alone: one kernel (Rotary.cu).</summary>
/// <remarks>
/// The kernel computes its rotations before it waits for the kernels before it: row states must be written by copies,
/// which the stream orders, not by kernels.
/// </remarks>
internal sealed class RotaryOp(KernelLauncher launcher)
{
    const int Threads = 256;

    /// <summary>Fewer rows are spread over more blocks; more rows compute a rotation once for several heads.</summary>
    const int FewRows = 32;
    const int HeadsEachOfMany = 4;

    readonly KernelFunction _rotary = launcher.Find("Rotary", "rotary");

    /// <summary>Rotates each head of x by its row's position.</summary>
    /// <param name="rowStates">Device address of x.Rows <see cref="RowState"/>.</param>
    public void Rope(Matrix x, int headDim, RopeTable rope, nint rowStates) =>
        Launch(x.Rows, x, default, default, rope, new KvLayer(0, 0, 0, 0, headDim), rowStates);

    /// <summary>Rounds k and v to float16 into their rows' cells.</summary>
    public void StoreKv(Matrix k, Matrix v, KvLayer cache, nint rowStates) =>
        Launch(k.Rows, default, k, v, default, cache, rowStates);

    /// <summary><see cref="Rope"/> over q and k, then <see cref="StoreKv"/>.</summary>
    public void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, nint rowStates) =>
        Launch(q.Rows, q, k, v, rope, cache, rowStates);

    /// <summary>Grid: rows by blocks of heads; 256 / pairs heads at once, several times over where rows are many.</summary>
    void Launch(int rows, Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, nint rowStates)
    {
        var headDim = cache.HeadDim;
        var queryHeads = q.Columns / headDim;
        var heads = queryHeads + (2 * cache.Heads);
        if (rows == 0 || heads == 0)
        {
            return;
        }

        var pairs = (headDim + 1) / 2;
        var headsPerBlock = Threads / pairs * (rows < FewRows ? 1 : HeadsEachOfMany);
        var arguments = new Arguments
        {
            Q = q.Address,
            K = k.Address,
            V = v.Address,
            Frequencies = rope.Frequencies,
            States = rowStates,
            Cache = cache,
            QueryHeads = queryHeads,
            KeyHeads = cache.Heads,
            HeadDim = headDim,
            Dimensions = rope.Dimensions,
            IsInterleaved = rope.Layout == RopeLayout.Interleaved ? 1 : 0,
            HeadsPerBlock = headsPerBlock,
            Magnitude = rope.Magnitude,
        };
        launcher.Launch(_rotary, (rows, (heads + headsPerBlock - 1) / headsPerBlock, 1), Threads, 0, arguments);
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint Q;
        public nint K;
        public nint V;
        public nint Frequencies;
        public nint States;
        public KvLayer Cache;
        public int QueryHeads;
        public int KeyHeads;
        public int HeadDim;
        public int Dimensions;
        public int IsInterleaved;
        public int HeadsPerBlock;
        public float Magnitude;
    }
}
