using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Recorded stretches of passes. A stretch is issued when it is first seen, recorded when it is seen again (most pass
/// shapes come in long rows, but a shape seen once is not worth a recording), and replayed in one call from then on.
/// Stretches of a pass come together or not at all, so whole shapes are kept, and dropped.
/// </summary>
internal sealed class GraphCache(CudaContext context, CudaStream compute, CudaLauncher launcher, CudaAllocator allocator, bool isEnabled)
    : IDisposable
{
    /// <summary>
    /// Shapes of passes kept: a recording takes device memory that no plan counts. Decoding changes between few shapes
    /// (one row, and rows to verify), and batches end one sequence at a time.
    /// </summary>
    const int MostShapes = 16;

    /// <summary>The shape used last at the end.</summary>
    readonly List<Shape> shapes = new(MostShapes);
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

        var graphs = GraphsOf(stretch.Rows, stretch.LogitRows);
        if (!graphs.TryGetValue(stretch, out var graph))
        {
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

    /// <summary>A shape's recordings; the shape that was not used for longest makes room for a new one.</summary>
    Dictionary<Stretch, CudaGraph?> GraphsOf(int rows, int logitRows)
    {
        for (var i = shapes.Count - 1; i >= 0; i--)
        {
            var shape = shapes[i];
            if (shape.Rows == rows && shape.LogitRows == logitRows)
            {
                shapes.RemoveAt(i);
                shapes.Add(shape);
                return shape.Graphs;
            }
        }

        if (shapes.Count == MostShapes)
        {
            shapes[0].Drop();
            shapes.RemoveAt(0);
        }

        shapes.Add(new(rows, logitRows, []));
        return shapes[^1].Graphs;
    }

    void Clear()
    {
        shapes.ForEach(s => s.Drop());
        shapes.Clear();
    }

    readonly record struct Shape(int Rows, int LogitRows, Dictionary<Stretch, CudaGraph?> Graphs)
    {
        public void Drop()
        {
            foreach (var graph in Graphs.Values)
            {
                graph?.Dispose();
            }
        }
    }
}
