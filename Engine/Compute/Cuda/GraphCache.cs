using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Recorded stretches of passes. A stretch is issued when it is first seen, recorded when it is seen again (most pass
/// shapes come in long rows, but a shape seen once is not worth a recording), and replayed in one call from then on.
/// </summary>
internal sealed class GraphCache(CudaContext context, CudaStream compute, CudaLauncher launcher, CudaAllocator allocator, bool isEnabled)
    : IDisposable
{
    /// <summary>Shapes kept: more come only where shapes do not repeat, and then nothing is lost by starting anew.</summary>
    const int Most = 64;

    readonly Dictionary<Stretch, CudaGraph?> graphs = new(Most);
    int releases;

    public bool IsCapturing { get; private set; }

    /// <summary>Stretches replayed since the device was opened.</summary>
    public long Replays { get; private set; }

    /// <param name="isRepeatable">Whether an equal stretch of a later pass would issue the same.</param>
    public void Run(in Stretch stretch, bool isRepeatable, Action issue)
    {
        if (!isEnabled || !isRepeatable || IsCapturing)
        {
            issue();
            return;
        }

        if (releases != allocator.Releases)
        {
            // Recorded addresses may belong to others by now.
            releases = allocator.Releases;
            Clear();
        }

        if (!graphs.TryGetValue(stretch, out var graph))
        {
            if (graphs.Count == Most)
            {
                Clear();
            }

            graphs.Add(stretch, null);
            issue();
            return;
        }

        if (graph is null)
        {
            graphs[stretch] = graph = Capture(issue);
        }

        (context.Kernel, context.Layer) = (null, null);
        graph.Launch(compute);
        launcher.Interrupt();
        Replays++;
    }

    public void ThrowIfCapturing(string operation)
    {
        if (IsCapturing)
        {
            throw new InvalidOperationException($"{operation} cannot be part of a stretch that is recorded.");
        }
    }

    public void Dispose() => Clear();

    CudaGraph Capture(Action issue)
    {
        IsCapturing = true;
        launcher.Interrupt();
        try
        {
            return CudaGraph.Capture(context, compute, issue);
        }
        finally
        {
            launcher.Interrupt();
            IsCapturing = false;
        }
    }

    void Clear()
    {
        foreach (var graph in graphs.Values)
        {
            graph?.Dispose();
        }

        graphs.Clear();
    }
}
