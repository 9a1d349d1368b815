using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary>Reads device memory at full speed (Bandwidth.cu): what products of weights are measured against.</summary>
internal sealed class BandwidthOp(KernelLauncher launcher)
{
    const int Threads = 256;

    /// <summary>Of a multiprocessor: 2048 threads, the most it holds; each has eight 16-byte words under way.</summary>
    const int Blocks = 8;

    readonly KernelFunction _kernel = launcher.Find("Bandwidth", "read_bandwidth");

    /// <param name="source">16-byte aligned.</param>
    /// <param name="bytes">Read in whole 16-byte words; a rest is not read.</param>
    /// <param name="sink">A uint32, to which the sum of all uint32 read is added (modulo 2^32).</param>
    public void Run(nint source, long bytes, nint sink)
    {
        var arguments = new Arguments { Source = source, Words = bytes / 16, Sink = sink };
        launcher.Launch(_kernel, (launcher.Multiprocessors * Blocks, 1, 1), Threads, 0, arguments);
    }

    /// <summary>BandwidthArgs in Bandwidth.cu.</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint Source;
        public long Words;
        public nint Sink;
    }
}
