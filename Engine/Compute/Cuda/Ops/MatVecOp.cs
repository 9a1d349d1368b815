using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Y = X * W^T of decoded rows (MatVec.cuh). A row's result has the same bits whatever the number of rows: only the
/// weights' type and columns choose the order of additions. Up to three projections of a type share a launch.
/// </summary>
internal sealed class MatVecOp
{
    const int MaxProjections = 3;

    /// <summary>Rows of X up to which products are dp4a's; above, tensor cores'. Both give the same bits.</summary>
    const int MaxDotRows = 4;

    const int HalfThreads = 256;
    const int FloatWarps = 4;

    /// <summary>Weight rows of a float kernel's warp.</summary>
    const int FloatRows = 2;

    /// <summary>Elements of the 16-byte words that the float16 kernels load.</summary>
    const int HalfVector = 8;

    readonly KernelLauncher _launcher;
    readonly MatVecKernels?[] _quantized;
    readonly KernelFunction _half1x8;
    readonly KernelFunction _half2x8;
    readonly KernelFunction _half2x16;
    readonly KernelFunction _half2x32;
    readonly (KernelFunction One, KernelFunction Four) _f32;
    readonly (KernelFunction One, KernelFunction Four) _f16;
    readonly (KernelFunction One, KernelFunction Four) _bf16;

    public MatVecOp(KernelLauncher launcher)
    {
        _launcher = launcher;
        _quantized = new MatVecKernels?[(int)TensorType.BF16 + 1];
        for (var type = 0; type < _quantized.Length; type++)
        {
            _quantized[type] = MatVecKernels.Create(launcher, (TensorType)type);
        }

        _half1x8 = launcher.Find("MatVecHalf", "matvec_half_1x8");
        _half2x8 = launcher.Find("MatVecHalf", "matvec_half_2x8");
        _half2x16 = launcher.Find("MatVecHalf", "matvec_half_2x16");
        _half2x32 = launcher.Find("MatVecHalf", "matvec_half_2x32");
        _f32 = Float("f32");
        _f16 = Float("f16");
        _bf16 = Float("bf16");

        (KernelFunction, KernelFunction) Float(string element) => (
            launcher.Find("MatVecFloat", $"matvec_float_{element}_1"),
            launcher.Find("MatVecFloat", $"matvec_float_{element}_4"));
    }

    public static bool Supports(TensorType type) =>
        type is TensorType.F32 or TensorType.F16 or TensorType.BF16 || MatVecKernels.Supports(type);

    /// <summary>Whether <see cref="Run"/> reads X's quants and scales for weights of this type.</summary>
    public static bool NeedsQuants(TensorType type) => MatVecKernels.Supports(type);

    /// <summary>Whether <see cref="Run"/> reads X's halves for weights of this type: it must then always be given them.</summary>
    public static bool NeedsHalves(TensorType type, int columns) => type == TensorType.F16 && columns % HalfVector == 0;

    /// <param name="x">At least <paramref name="rows"/> rows, 16-byte aligned.</param>
    /// <param name="encoded">X's encodings that <see cref="NeedsQuants"/> and <see cref="NeedsHalves"/> tell, 16-byte aligned.</param>
    /// <param name="rows">The first rows of X, all decoded.</param>
    /// <param name="projections">Weights of any types, x.Columns wide; Y has as many columns as W rows.</param>
    public void Run(Matrix x, in Encoded encoded, int rows, ReadOnlySpan<Projection> projections)
    {
        if (rows <= 0 || x.Columns == 0)
        {
            return;
        }

        Span<bool> taken = stackalloc bool[projections.Length];
        for (var i = 0; i < projections.Length; i++)
        {
            if (taken[i])
            {
                continue;
            }

            var type = projections[i].W.Type;
            var arguments = new Arguments
            {
                Columns = x.Columns,
                Count = rows,
                Quants = encoded.Quants,
                Scales = encoded.Scales,
                Halves = encoded.Halves,
                RowScales = encoded.RowScales,
                X = x.Address,
            };
            var count = 0;
            for (var j = i; j < projections.Length && count < MaxProjections; j++)
            {
                if (taken[j] || projections[j].W.Type != type)
                {
                    continue;
                }

                taken[j] = true;
                arguments.Weights[count] = projections[j].W.Address;
                arguments.Y[count] = projections[j].Y.Address;
                arguments.Rows[count++] = projections[j].W.Rows;
            }

            Launch(type, arguments);
        }
    }

    void Launch(TensorType type, in Arguments arguments)
    {
        if (NeedsQuants(type))
        {
            if (arguments.Quants == 0)
            {
                throw new InvalidOperationException($"Products of {type} weights need X quantized.");
            }

            var kernels = _quantized[(int)type]!;
            if (arguments.Count <= MaxDotRows)
            {
                LaunchDot(kernels, arguments);
            }
            else
            {
                LaunchTile(kernels, arguments);
            }
        }
        else if (NeedsHalves(type, arguments.Columns))
        {
            if (arguments.Halves == 0)
            {
                throw new InvalidOperationException($"Products of {type} weights need X as float16.");
            }

            LaunchHalf(arguments);
        }
        else
        {
            LaunchFloat(type, arguments);
        }
    }

    /// <summary>
    /// Warps work alone, so the fewer of them the weights have, the fewer are put in a block: they spread more evenly.
    /// </summary>
    void LaunchDot(MatVecKernels kernels, in Arguments arguments)
    {
        var tiles = Tiles(arguments, MatVecKernels.DotRows);
        var warps = tiles >= 16 * _launcher.Multiprocessors ? 4 : tiles >= 4 * _launcher.Multiprocessors ? 2 : 1;
        Launch(kernels.Dot(arguments.Count), Ceiling(tiles, warps), warps * 32, warps * kernels.DotSharedBytes, arguments);
    }

    /// <summary>A block for every tile of weight rows and tile of rows of X.</summary>
    void LaunchTile(MatVecKernels kernels, in Arguments arguments)
    {
        var n = arguments.Count <= 8 ? 8 : arguments.Count <= 16 ? 16 : 32;
        var blocks = Tiles(arguments, MatVecKernels.TileRows) * Ceiling(arguments.Count, n);
        Launch(kernels.Tile(n), blocks, MatVecKernels.TileThreads, kernels.TileSharedBytes(n), arguments);
    }

    /// <summary>
    /// Tiles of 32 weight rows halve what is read of X; tiles of 16 where X is short or 32 would leave multiprocessors idle.
    /// </summary>
    void LaunchHalf(in Arguments arguments)
    {
        var n = arguments.Count <= 8 ? 8 : arguments.Count <= 16 ? 16 : 32;
        var isLow = n == 8 && (arguments.Count <= 2 || Tiles(arguments, 32) < 2 * _launcher.Multiprocessors);
        var kernel = isLow ? _half1x8 : n == 8 ? _half2x8 : n == 16 ? _half2x16 : _half2x32;
        Launch(kernel, Tiles(arguments, isLow ? 16 : 32) * Ceiling(arguments.Count, n), HalfThreads, 0, arguments);
    }

    void LaunchFloat(TensorType type, in Arguments arguments)
    {
        var kernels = type switch
        {
            TensorType.F32 => _f32,
            TensorType.F16 => _f16,
            TensorType.BF16 => _bf16,
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No products of such weights."),
        };
        var kernel = arguments.Count == 1 ? kernels.One : kernels.Four;
        var blocks = Ceiling(Tiles(arguments, FloatRows), FloatWarps) * Ceiling(arguments.Count, arguments.Count == 1 ? 1 : 4);
        Launch(kernel, blocks, FloatWarps * 32, 0, arguments);
    }

    void Launch(KernelFunction kernel, int blocks, int threads, int sharedBytes, in Arguments arguments)
    {
        if (blocks > 0)
        {
            _launcher.Launch(kernel, (blocks, 1, 1), threads, sharedBytes, arguments);
        }
    }

    static int Tiles(in Arguments arguments, int rows)
    {
        var tiles = 0;
        for (var i = 0; i < MaxProjections; i++)
        {
            tiles += Ceiling(arguments.Rows[i], rows);
        }

        return tiles;
    }

    static int Ceiling(int value, int divisor) => (value + divisor - 1) / divisor;

    /// <summary>MatVecArgs in MatVec.cuh.</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public Three<nint> Weights;
        public Three<nint> Y;
        public Three<int> Rows;
        public int Columns;
        public int Count;
        public nint Quants;
        public nint Scales;
        public nint Halves;
        public nint RowScales;
        public nint X;
    }

    [InlineArray(MaxProjections)]
    struct Three<T>
        where T : unmanaged
    {
        T _first;
    }
}
