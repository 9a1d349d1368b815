using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>A recorded stretch of a stream that is put back on it in one call.</summary>
internal sealed partial class CudaGraph : CudaHandle
{
    CudaGraph(CudaContext context, nint value)
        : base(context, value)
    {
    }

    /// <summary>
    /// Records what <paramref name="issue"/> puts on the stream, without running it. Calls about other streams, from
    /// this thread and others, go on as always. Where it throws, the recording is dropped and the exception goes on.
    /// </summary>
    public static CudaGraph Capture(CudaContext context, CudaStream stream, Action issue)
    {
        const int relaxed = 2;
        context.Check(StreamBeginCapture(stream.Value, relaxed), "cuStreamBeginCapture");
        try
        {
            issue();
        }
        catch
        {
            // Whatever the driver says of a broken recording, the exception says more.
            if (StreamEndCapture(stream.Value, out var broken) == CudaResult.Success && broken != 0)
            {
                _ = GraphDestroy(broken);
            }

            throw;
        }

        context.Check(StreamEndCapture(stream.Value, out var graph), "cuStreamEndCapture");
        var result = GraphInstantiate(out var executable, graph, 0);
        _ = GraphDestroy(graph);
        context.Check(result, "cuGraphInstantiateWithFlags");
        return new(context, executable);
    }

    public void Launch(CudaStream stream) => Context.Check(GraphLaunch(Value, stream.Value), "cuGraphLaunch");

    protected override CudaResult Destroy(nint value) => GraphExecDestroy(value);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuStreamBeginCapture_v2")]
    private static partial CudaResult StreamBeginCapture(nint stream, int mode);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuStreamEndCapture")]
    private static partial CudaResult StreamEndCapture(nint stream, out nint graph);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuGraphInstantiateWithFlags")]
    private static partial CudaResult GraphInstantiate(out nint executable, nint graph, ulong flags);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuGraphLaunch")]
    private static partial CudaResult GraphLaunch(nint executable, nint stream);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuGraphExecDestroy")]
    private static partial CudaResult GraphExecDestroy(nint executable);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuGraphDestroy")]
    private static partial CudaResult GraphDestroy(nint graph);
}
