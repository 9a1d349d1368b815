namespace NvStream.Compute.Cuda;

/// <summary>Switches for finding faults, from the environment (README.md beside this file).</summary>
/// <param name="UsesGraphs">NVSTREAM_CUDA_GRAPHS=0 issues every operation of every pass by itself.</param>
/// <param name="OverlapsLaunches">NVSTREAM_CUDA_OVERLAP=0 lets no kernel start before the one before it has ended.</param>
/// <param name="IsSynchronous">NVSTREAM_CUDA_SYNC=1 waits for every kernel, so that an error names its own; implies the other two off.</param>
internal sealed record CudaOptions(bool UsesGraphs = true, bool OverlapsLaunches = true, bool IsSynchronous = false)
{
    public static CudaOptions FromEnvironment()
    {
        var isSynchronous = Is("NVSTREAM_CUDA_SYNC", "1");
        return new(
            !isSynchronous && !Is("NVSTREAM_CUDA_GRAPHS", "0"), !isSynchronous && !Is("NVSTREAM_CUDA_OVERLAP", "0"), isSynchronous);
    }

    static bool Is(string variable, string value) => Environment.GetEnvironmentVariable(variable)?.Trim() == value;
}
