using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda;

/// <summary><see cref="MemoryChecksum"/> of device memory, read at full speed (Checksum.cu).</summary>
internal sealed class ChecksumOp(KernelLauncher launcher)
{
    const int Threads = 256;

    /// <summary>Of a multiprocessor: 2048 threads, the most it holds; each has four 16-byte words under way.</summary>
    const int Blocks = 8;

    readonly KernelFunction _kernel = launcher.Find("Checksum", "checksum");

    /// <param name="source">16-byte aligned.</param>
    /// <param name="bytes">A multiple of 16.</param>
    /// <param name="sum">A uint64, to which the checksum is added (modulo 2^64).</param>
    public void Run(nint source, long bytes, nint sum)
    {
        var arguments = new Arguments { Source = source, Pairs = bytes / 16, Sum = sum };
        launcher.Launch(_kernel, (launcher.Multiprocessors * Blocks, 1, 1), Threads, 0, arguments);
    }

    /// <summary>ChecksumArgs in Checksum.cu.</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct Arguments
    {
        public nint Source;
        public long Pairs;
        public nint Sum;
    }
}
