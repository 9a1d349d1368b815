using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>x += delta; y = x / sqrt(mean(x^2) + epsilon) * gain; y's encodings (Norm.cu).</summary>
internal sealed class NormOp
{
    /// <summary>Rows of the short kernels are a warp's, eight a block.</summary>
    const int ShortThreads = 256;
    const int ShortRows = 8;
    const int LongThreads = 512;

    readonly KernelLauncher _launcher;
    readonly (int Columns, KernelFunction Kernel)[] _short;
    readonly (int Columns, KernelFunction Kernel)[] _long;
    readonly KernelFunction _any;

    public NormOp(KernelLauncher launcher)
    {
        _launcher = launcher;
        _short = [Sized(128), Sized(512)];
        _long = [Sized(2048), Sized(4096), Sized(8192), Sized(16384)];
        _any = launcher.Find("Norm", "norm_any");
    }

    /// <param name="x">Any rows and columns.</param>
    /// <param name="delta">As x; address 0: none.</param>
    /// <param name="gain">Device address of x.Columns float32 values.</param>
    /// <param name="y">As x; may be x or delta.</param>
    /// <param name="encoded">Encodings of y that are wanted.</param>
    public void Run(Matrix x, Matrix delta, nint gain, float epsilon, Matrix y, in Encoded encoded)
    {
        if (x.Rows == 0 || x.Columns == 0)
        {
            return;
        }

        var arguments = new Arguments
        {
            X = x.Address,
            Delta = delta.Address,
            Gain = gain,
            Y = y.Address,
            Encoded = RowEncoding.Of(encoded, x.Columns),
            Rows = x.Rows,
            Columns = x.Columns,
            Epsilon = epsilon,
        };
        // The columns alone choose, never the rows: a row's bits must not depend on its company.
        if (x.Columns % 4 == 0)
        {
            foreach (var (columns, kernel) in _short)
            {
                if (x.Columns <= columns)
                {
                    _launcher.Launch(kernel, ((x.Rows + ShortRows - 1) / ShortRows, 1, 1), ShortThreads, 0, arguments);
                    return;
                }
            }

            foreach (var (columns, kernel) in _long)
            {
                if (x.Columns <= columns)
                {
                    _launcher.Launch(kernel, (x.Rows, 1, 1), LongThreads, 0, arguments);
                    return;
                }
            }
        }

        _launcher.Launch(_any, (x.Rows, 1, 1), LongThreads, 0, arguments);
    }

    (int Columns, KernelFunction Kernel) Sized(int columns) => (columns, _launcher.Find("Norm", $"norm_{columns}"));

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint X;
        public nint Delta;
        public nint Gain;
        public nint Y;
        public Encoded Encoded;
        public int Rows;
        public int Columns;
        public float Epsilon;
    }
}
