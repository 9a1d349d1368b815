using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

internal sealed class MatVecOp(KernelLauncher launcher)
{
    public static bool Supports(TensorType type) => type is TensorType.F32 or TensorType.F16 or TensorType.Q4_K;

    public static bool NeedsQuants(TensorType type) => type is TensorType.Q4_K;

    public static bool NeedsHalves(TensorType type, int columns) => type == TensorType.F16 && columns % 8 == 0;

    public void Run(Matrix x, in Encoded encoded, int rows, ReadOnlySpan<Projection> projections) => throw new NotImplementedException($"{launcher}");
}

internal sealed class MatMulOp(KernelLauncher launcher)
{
    public void Run(in Encoded encoded, int firstRow, int rows, ReadOnlySpan<Projection> projections) => throw new NotImplementedException($"{launcher}");

    public void Dequantize(nint blocks, TensorType type, Matrix x) => throw new NotImplementedException($"{launcher}");
}
