using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Products of prompt rows on tensor cores (MatMulTile.cuh), and encoded rows to float32 (Dequantize.cu). A row's result
/// has the same bits whichever tile shape computes it, so the shape is chosen for speed alone.
/// </summary>
internal sealed unsafe class MatMulOp(KernelLauncher launcher)
{
    const int MostTargets = 4;
    const int PlainWarps = 8;
    const int DequantizeThreads = 256;
    const int DequantizeElements = 8;

    readonly KernelFunction[] _products = new KernelFunction[TypeCount * 4];
    readonly KernelFunction[] _dequantize = new KernelFunction[TypeCount];

    static int TypeCount => (int)TensorType.MXFP4 + 1;

    /// <summary>Y[r] = W * X[r] of each projection, for rows [firstRow, rows).</summary>
    /// <param name="encoded">Halves and row scales of at least <paramref name="rows"/> rows.</param>
    public void Run(in Encoded encoded, int firstRow, int rows, ReadOnlySpan<Projection> projections)
    {
        if (rows <= firstRow)
        {
            return;
        }

        for (var i = 0; i < projections.Length; i++)
        {
            if (IsFirstOfType(projections, i))
            {
                RunType(encoded, firstRow, rows, projections[i..], projections[i].W.Type);
            }
        }
    }

    /// <summary>X = the rows that <paramref name="blocks"/> holds back to back, 32-byte aligned.</summary>
    public void Dequantize(nint blocks, TensorType type, Matrix x)
    {
        var count = (long)x.Rows * x.Columns;
        if (count == 0)
        {
            return;
        }

        ref var kernel = ref _dequantize[(int)type];
        if (kernel.Handle == 0)
        {
            kernel = launcher.Find("Dequantize", $"dequantize_{NameOf(type)}");
        }

        const int blockElements = DequantizeThreads * DequantizeElements;
        var grid = checked((int)((count + blockElements - 1) / blockElements));
        launcher.Launch(
            kernel, (grid, 1, 1), DequantizeThreads, 0, new DequantizeArguments { Blocks = blocks, X = x.Address, Count = count });
    }

    static bool IsFirstOfType(ReadOnlySpan<Projection> projections, int index)
    {
        for (var i = 0; i < index; i++)
        {
            if (projections[i].W.Type == projections[index].W.Type)
            {
                return false;
            }
        }

        return true;
    }

    // All projections of the type, as many in a launch as its arguments have room for.
    void RunType(in Encoded encoded, int firstRow, int rows, ReadOnlySpan<Projection> projections, TensorType type)
    {
        var columns = projections[0].W.Columns;
        var isPlain = columns % 8 != 0;
        var most = isPlain ? 1 : MostTargets;
        var arguments = new Arguments
        {
            Halves = encoded.Halves,
            RowScales = encoded.RowScales,
            RowBytes = checked((int)TensorTypes.BytesOf(type, columns)),
            Columns = columns,
            FirstRow = firstRow,
            Rows = rows,
        };
        foreach (var projection in projections)
        {
            if (projection.W.Type != type)
            {
                continue;
            }

            arguments.Targets[arguments.TargetCount++] = new Target
            {
                Weights = projection.W.Address,
                Y = projection.Y.Address,
                Rows = projection.W.Rows,
            };
            if (arguments.TargetCount == most)
            {
                Launch(ref arguments, type, isPlain);
            }
        }

        if (arguments.TargetCount > 0)
        {
            Launch(ref arguments, type, isPlain);
        }
    }

    void Launch(ref Arguments arguments, TensorType type, bool isPlain)
    {
        if (isPlain)
        {
            // A warp an output; a block takes one row's eight.
            arguments.RowTiles = arguments.Rows - arguments.FirstRow;
            var grid = checked(arguments.RowTiles * Tiles(arguments.Targets[0].Rows, PlainWarps));
            launcher.Launch(Product(type, MatMulShape.PlainIndex, "plain"), (grid, 1, 1), PlainWarps * 32, 0, arguments);
        }
        else
        {
            var shape = Choose(arguments, type);
            var weightTiles = 0;
            for (var i = 0; i < arguments.TargetCount; i++)
            {
                arguments.Targets[i].FirstTile = weightTiles;
                weightTiles += Tiles(arguments.Targets[i].Rows, shape.Weights);
            }

            arguments.RowTiles = Tiles(arguments.Rows - arguments.FirstRow, shape.Rows);
            launcher.Launch(
                Product(type, shape.Index, shape.Name), (checked(arguments.RowTiles * weightTiles), 1, 1), shape.Threads,
                shape.SharedBytes(type), arguments);
        }

        arguments.TargetCount = 0;
    }

    // Few rows: the narrow shape, which has blocks enough to read the weights at full speed. Else the shape whose waves
    // of blocks over the multiprocessors take less time; a wide wave does over twice a middle wave's work in 4/3 its time.
    MatMulShape Choose(in Arguments arguments, TensorType type)
    {
        var rows = arguments.Rows - arguments.FirstRow;
        if (type == TensorType.F32)
        {
            return MatMulShape.Middle;
        }

        if (rows <= MatMulShape.Narrow.Rows)
        {
            return MatMulShape.Narrow;
        }

        if (rows <= MatMulShape.Middle.Rows || !MatMulShape.HasWide(launcher.Architecture))
        {
            return MatMulShape.Middle;
        }

        var wide = 4L * Waves(arguments, MatMulShape.Wide, rows);
        var middle = 3L * Waves(arguments, MatMulShape.Middle, rows);
        return wide <= middle ? MatMulShape.Wide : MatMulShape.Middle;
    }

    int Waves(in Arguments arguments, MatMulShape shape, int rows)
    {
        var tiles = 0;
        for (var i = 0; i < arguments.TargetCount; i++)
        {
            tiles += Tiles(arguments.Targets[i].Rows, shape.Weights);
        }

        return Tiles(checked(tiles * Tiles(rows, shape.Rows)), shape.Blocks * launcher.Multiprocessors);
    }

    KernelFunction Product(TensorType type, int shape, string shapeName)
    {
        ref var kernel = ref _products[(int)type * 4 + shape];
        if (kernel.Handle == 0)
        {
            kernel = launcher.Find(ModuleOf(type), $"matmul_{shapeName}_{NameOf(type)}");
        }

        return kernel;
    }

    static string ModuleOf(TensorType type) => type switch
    {
        TensorType.F32 or TensorType.F16 or TensorType.BF16 => "MatMulFloat",
        TensorType.IQ4_XS or TensorType.IQ3_XXS or TensorType.IQ3_S => "MatMulIq",
        _ when TensorTypes.Block(type).Elements == 32 => "MatMulSmall",
        _ => "MatMulK",
    };

    static string NameOf(TensorType type) => type.ToString().ToLowerInvariant();

    static int Tiles(int elements, int tile) => (elements + tile - 1) / tile;

    [StructLayout(LayoutKind.Sequential)]
    struct Target
    {
        public nint Weights;
        public nint Y;
        public int Rows;
        public int FirstTile;
    }

    [InlineArray(MostTargets)]
    struct TargetList
    {
        Target _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint Halves;
        public nint RowScales;
        public int RowBytes;
        public int Columns;
        public int FirstRow;
        public int Rows;
        public int RowTiles;
        public int TargetCount;
        public TargetList Targets;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct DequantizeArguments
    {
        public nint Blocks;
        public nint X;
        public long Count;
    }
}
