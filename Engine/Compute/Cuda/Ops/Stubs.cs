using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

internal sealed class NormOp(KernelLauncher launcher)
{
    public void Run(Matrix x, Matrix delta, nint gain, float epsilon, Matrix y, in Encoded encoded) => throw new NotImplementedException($"{launcher}");
}

internal sealed class ElementwiseOp(KernelLauncher launcher)
{
    public void Add(Matrix x, Matrix delta) => throw new NotImplementedException($"{launcher}");

    public void AddBias(Matrix y, nint bias) => throw new NotImplementedException($"{launcher}");

    public void SwiGlu(Matrix gate, Matrix up, Matrix y, in Encoded encoded) => throw new NotImplementedException($"{launcher}");

    public void Encode(Matrix x, in Encoded encoded) => throw new NotImplementedException($"{launcher}");

    public void GatherRows(Matrix x, nint deviceRowIndices, Matrix y) => throw new NotImplementedException($"{launcher}");
}

internal sealed class RotaryOp(KernelLauncher launcher)
{
    public void Rope(Matrix x, int headDim, RopeTable rope, nint rowStates) => throw new NotImplementedException($"{launcher}");

    public void StoreKv(Matrix k, Matrix v, KvLayer cache, nint rowStates) => throw new NotImplementedException($"{launcher}");

    public void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, nint rowStates) => throw new NotImplementedException($"{launcher}");
}

internal sealed class DecodeAttentionOp(KernelLauncher launcher)
{
    public static long ScratchBytes(int rows, int queryColumns, int headDim) => (long)Math.Min(rows, 8) * queryColumns * headDim;

    public void Run(Matrix q, KvLayer cache, float scale, nint rowStates, int rows, Matrix y, in Encoded encoded, nint scratch) => throw new NotImplementedException($"{launcher}");
}

internal readonly record struct PrefillTile(int FirstRow, int RowCount, int FirstCell, int FirstPosition);

internal sealed class PrefillAttentionOp(KernelLauncher launcher)
{
    public static int TileRows(KvLayer cache, int queryHeads) => Math.Max(1, 64 / (queryHeads / cache.Heads));

    public void Run(Matrix q, KvLayer cache, float scale, nint tiles, int tileCount, Matrix y) => throw new NotImplementedException($"{launcher}");
}

internal sealed class MatVecOp(KernelLauncher launcher)
{
    public static bool Supports(TensorType type) => type is TensorType.F32 or TensorType.F16 or TensorType.Q4_K;

    public void Run(Matrix x, in Encoded encoded, int rows, ReadOnlySpan<Projection> projections) => throw new NotImplementedException($"{launcher}");
}

internal sealed class MatMulOp(KernelLauncher launcher)
{
    public void Run(in Encoded encoded, int firstRow, int rows, ReadOnlySpan<Projection> projections) => throw new NotImplementedException($"{launcher}");

    public void Dequantize(nint blocks, TensorType type, Matrix x) => throw new NotImplementedException($"{launcher}");
}

internal sealed class TopKOp(KernelLauncher launcher)
{
    public static long ScratchBytes(int rows, int k) => 8L * rows * k * 8;

    public void Run(Matrix x, int columns, int k, nint ids, nint values, nint scratch) => throw new NotImplementedException($"{launcher}");
}
