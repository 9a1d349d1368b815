namespace NvStream.Compute.Cpu;

/// <summary>
/// Work that <see cref="CpuWorkers.Run"/> shares out by index. A job is an unmanaged struct, so that it can be
/// reached from every worker through a plain pointer to the caller's stack and nothing is allocated to start it.
/// </summary>
internal interface IParallelJob
{
    /// <summary>Does items [begin, end). <paramref name="worker"/> (0 the caller) names scratch that nobody else uses meanwhile.</summary>
    void Execute(int begin, int end, int worker);
}
