using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>The k largest values of each row: slices of a row searched side by side, then their finds (TopK.cu).</summary>
internal sealed class TopKOp
{
    const int MostSlices = 64;
    const int LeastSliceColumns = 4096;
    const int SliceThreads = 256;
    const int MergeThreads = 512;
    const int WarpThreads = 32;

    readonly KernelLauncher _launcher;
    readonly KernelFunction _slices;
    readonly KernelFunction _merge;
    readonly KernelFunction _argmaxSlices;
    readonly KernelFunction _argmaxMerge;

    public TopKOp(KernelLauncher launcher)
    {
        const string module = "TopK";
        _launcher = launcher;
        _slices = launcher.Find(module, "topk_slices");
        _merge = launcher.Find(module, "topk_merge");
        _argmaxSlices = launcher.Find(module, "argmax_slices");
        _argmaxMerge = launcher.Find(module, "argmax_merge");
    }

    /// <summary>Bytes of scratch: an 8-byte rank for each row, slice and place.</summary>
    public static long ScratchBytes(int rows, int k) => (long)rows * MostSlices * k * sizeof(ulong);

    /// <param name="columns">Leading columns that are looked at.</param>
    /// <param name="k">1 to <see cref="IComputeDevice.MaxTopK"/>, at most <paramref name="columns"/>.</param>
    /// <param name="ids">Device address of x.Rows * k int32: columns, largest value first.</param>
    /// <param name="values">Device address of x.Rows * k float32.</param>
    /// <param name="scratch"><see cref="ScratchBytes"/>, 8-byte aligned.</param>
    public void Run(Matrix x, int columns, int k, nint ids, nint values, nint scratch)
    {
        if (x.Rows == 0)
        {
            return;
        }

        var sliceColumns = Math.Max(LeastSliceColumns, (columns + MostSlices - 1) / MostSlices);
        var slices = (columns + sliceColumns - 1) / sliceColumns;
        var arguments = new Arguments
        {
            X = x.Address,
            Candidates = scratch,
            Ids = ids,
            Values = values,
            Stride = x.Columns,
            Columns = columns,
            K = k,
            Slices = slices,
            SliceColumns = sliceColumns,
        };
        if (k == 1)
        {
            _launcher.Launch(_argmaxSlices, (slices, x.Rows, 1), SliceThreads, 0, arguments);
            _launcher.Launch(_argmaxMerge, (x.Rows, 1, 1), WarpThreads, 0, arguments);
            return;
        }

        _launcher.Launch(_slices, (slices, x.Rows, 1), SliceThreads, 0, arguments);
        _launcher.Launch(_merge, (x.Rows, 1, 1), MergeThreads, 0, arguments);
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint X;
        public nint Candidates;
        public nint Ids;
        public nint Values;
        public int Stride;
        public int Columns;
        public int K;
        public int Slices;
        public int SliceColumns;
    }
}
