using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

/// <summary>
/// One quantized format's kernels (MatVecDot.cu, MatVecTile.cu) and the dynamic shared memory that they count on: the
/// same arithmetic as DotRing, TileRing and Round there.
/// </summary>
internal sealed class MatVecKernels
{
    /// <summary>Weight rows of a dot kernel's warp.</summary>
    public const int DotRows = 4;

    /// <summary>Weight rows of a tile kernel's block.</summary>
    public const int TileRows = 32;

    public const int TileThreads = Partials * 32;

    /// <summary>Partial sums of an output, each a lane's or warp's.</summary>
    const int Partials = 16;

    /// <summary>Parts of 32 elements that one partial takes of a round.</summary>
    const int ChunkParts = 2;

    const int RoundElements = Partials * ChunkParts * 32;

    readonly int _tileSharedBytes;
    readonly KernelFunction[] _dots;
    readonly KernelFunction[] _tiles;

    MatVecKernels(KernelLauncher launcher, TensorType type, int floatsPerPart)
    {
        var (elements, bytes) = TensorTypes.Block(type);
        var roundBytes = RoundElements / elements * bytes;
        var words = (roundBytes + 29) / 16;
        var pitch = HasSmallGroups(type) ? (words | 1) * 16 : (((words * 16) + 31) / 64 * 64) + 32;
        var dotRound = DotRows * pitch;
        DotSharedBytes = dotRound * (dotRound * 4 <= 14336 ? 4 : 3);
        var tileRound = TileRows * (HasPairs(type) ? (words | 1) * 16 : pitch);
        var depth = tileRound * 4 <= 90112 ? 4 : tileRound * 3 <= 90112 ? 3 : 2;
        _tileSharedBytes = (tileRound * depth) + (Partials * TileRows * ChunkParts * floatsPerPart * sizeof(float));

        var name = type.ToString().ToLowerInvariant();
        _dots = [Dot(1), Dot(2), Dot(4)];
        _tiles = [Tile(8), Tile(16), Tile(32)];

        KernelFunction Dot(int xs) => launcher.Find("MatVecDot", FormattableString.Invariant($"matvec_dot_{name}_{xs}"));
        KernelFunction Tile(int n) => launcher.Find("MatVecTile", FormattableString.Invariant($"matvec_tile_{name}_{n}"));
    }

    /// <returns>Null where the type is not quantized or not supported.</returns>
    public static MatVecKernels? Create(KernelLauncher launcher, TensorType type) =>
        FloatsPerPart(type) is var floats and > 0 ? new(launcher, type, floats) : null;

    /// <summary>Whether a type has these kernels.</summary>
    public static bool Supports(TensorType type) => FloatsPerPart(type) > 0;

    /// <summary>Shared memory of a dot kernel's warp.</summary>
    public int DotSharedBytes { get; }

    /// <param name="rows">1..4 rows of X.</param>
    public KernelFunction Dot(int rows) => _dots[rows == 1 ? 0 : rows == 2 ? 1 : 2];

    /// <summary>The kernel for tiles of 8, 16 or 32 rows of X.</summary>
    public KernelFunction Tile(int n) => _tiles[n == 8 ? 0 : n == 16 ? 1 : 2];

    /// <summary>Shared memory of a tile kernel's block: the ring and the scales, later the partial sums.</summary>
    public int TileSharedBytes(int n) => Math.Max(_tileSharedBytes, Partials * TileRows * n * sizeof(float));

    /// <summary>Whether 16 weights share a scale, not 32.</summary>
    static bool HasSmallGroups(TensorType type) => type is TensorType.Q2_K or TensorType.Q3_K or TensorType.Q6_K;

    /// <summary>Whether a byte holds weights i and 16 + i.</summary>
    static bool HasPairs(TensorType type) => type is TensorType.Q4_0 or TensorType.Q4_1 or TensorType.Q5_0 or TensorType.Q5_1
        or TensorType.IQ4_NL or TensorType.IQ4_XS;

    /// <summary>Scales and minima of 32 weights; 0: not a format of these kernels.</summary>
    static int FloatsPerPart(TensorType type) => type switch
    {
        TensorType.Q4_0 or TensorType.Q5_0 or TensorType.Q8_0 => 1,
        TensorType.IQ4_NL or TensorType.IQ4_XS or TensorType.IQ3_XXS or TensorType.IQ3_S => 1,
        TensorType.Q4_1 or TensorType.Q5_1 or TensorType.Q4_K or TensorType.Q5_K => 2,
        TensorType.Q3_K or TensorType.Q6_K => 2,
        TensorType.Q2_K => 4,
        _ => 0,
    };
}
