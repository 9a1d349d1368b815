using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>Operations that touch every element once (Elementwise.cu).</summary>
internal sealed class ElementwiseOp
{
    const int Threads = 256;

    readonly KernelLauncher _launcher;
    readonly KernelFunction _add;
    readonly KernelFunction _addBias;
    readonly KernelFunction _gatherRows;
    readonly RowEncoding _swiGlu;
    readonly RowEncoding _encode;

    public ElementwiseOp(KernelLauncher launcher)
    {
        const string module = "Elementwise";
        const int rowThreads = 1024;
        _launcher = launcher;
        _add = launcher.Find(module, "add");
        _addBias = launcher.Find(module, "add_bias");
        _gatherRows = launcher.Find(module, "gather_rows");
        _swiGlu = new(
            launcher.Find(module, "swiglu_columns"), launcher.Find(module, "swiglu_row"), rowThreads, launcher.Find(module, "swiglu_any"));
        _encode = new(
            launcher.Find(module, "encode_columns"), launcher.Find(module, "encode_row"), rowThreads, launcher.Find(module, "encode_any"));
    }

    /// <summary>x += delta.</summary>
    public void Add(Matrix x, Matrix delta)
    {
        var elements = (long)x.Rows * x.Columns;
        if (elements == 0)
        {
            return;
        }

        const int blockElements = 4 * Threads;
        var arguments = new AddArguments { X = x.Address, Delta = delta.Address, Elements = elements };
        _launcher.Launch(_add, ((int)((elements + blockElements - 1) / blockElements), 1, 1), Threads, 0, arguments);
    }

    /// <summary>y[r] += bias, every row; <paramref name="bias"/> is the device address of y.Columns float32 values.</summary>
    public void AddBias(Matrix y, nint bias)
    {
        if (y.Rows == 0 || y.Columns == 0)
        {
            return;
        }

        var arguments = new AddBiasArguments { Y = y.Address, Bias = bias, Columns = y.Columns };
        _launcher.Launch(_addBias, (y.Rows, (y.Columns + Threads - 1) / Threads, 1), Threads, 0, arguments);
    }

    /// <summary>y[i] = x[rows[i]]; <paramref name="deviceRowIndices"/> is the device address of y.Rows int32 values.</summary>
    public void GatherRows(Matrix x, nint deviceRowIndices, Matrix y)
    {
        if (y.Rows == 0 || y.Columns == 0)
        {
            return;
        }

        const int blockColumns = 4 * Threads;
        var arguments = new GatherArguments { X = x.Address, Rows = deviceRowIndices, Y = y.Address, Columns = y.Columns };
        _launcher.Launch(_gatherRows, (y.Rows, (y.Columns + blockColumns - 1) / blockColumns, 1), Threads, 0, arguments);
    }

    /// <summary>y = silu(gate) * up and y's encodings; y may be gate.</summary>
    public void SwiGlu(Matrix gate, Matrix up, Matrix y, in Encoded encoded)
    {
        if (y.Rows == 0 || y.Columns == 0)
        {
            return;
        }

        var wanted = RowEncoding.Of(encoded, y.Columns);
        var arguments = new SwiGluArguments
        {
            Gate = gate.Address,
            Up = up.Address,
            Y = y.Address,
            Encoded = wanted,
            Columns = y.Columns,
        };
        _swiGlu.Launch(_launcher, y.Rows, y.Columns, wanted, arguments);
    }

    /// <summary>The encodings of x alone.</summary>
    public void Encode(Matrix x, in Encoded encoded)
    {
        var wanted = RowEncoding.Of(encoded, x.Columns);
        var rows = wanted.Halves != 0 ? x.Rows : wanted.Quants != 0 ? Math.Min(x.Rows, wanted.DecodeRows) : 0;
        if (rows <= 0 || x.Columns == 0)
        {
            return;
        }

        var arguments = new EncodeArguments { X = x.Address, Encoded = wanted, Columns = x.Columns };
        _encode.Launch(_launcher, rows, x.Columns, wanted, arguments);
    }

    [StructLayout(LayoutKind.Sequential)]
    struct AddArguments
    {
        public nint X;
        public nint Delta;
        public long Elements;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct AddBiasArguments
    {
        public nint Y;
        public nint Bias;
        public int Columns;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct GatherArguments
    {
        public nint X;
        public nint Rows;
        public nint Y;
        public int Columns;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct SwiGluArguments
    {
        public nint Gate;
        public nint Up;
        public nint Y;
        public Encoded Encoded;
        public int Columns;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct EncodeArguments
    {
        public nint X;
        public Encoded Encoded;
        public int Columns;
    }
}
