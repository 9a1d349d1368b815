using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>How an event is waited for and what it can tell (cuda.h, enum CUevent_flags_enum).</summary>
[Flags]
internal enum EventUse
{
    Timing = 0,

    /// <summary>A waiting thread sleeps instead of spinning.</summary>
    Sleeping = 1,

    /// <summary>Cheaper: only an order, no time.</summary>
    OrderOnly = 2,
}

/// <summary>A point in a stream.</summary>
internal sealed partial class CudaEvent : CudaHandle
{
    CudaEvent(CudaContext context, nint value)
        : base(context, value)
    {
    }

    public static CudaEvent Create(CudaContext context, EventUse use)
    {
        context.Enter();
        context.Check(EventCreate(out var value, (uint)use), "cuEventCreate");
        return new(context, value);
    }

    /// <summary>Moves the event to the end of what the stream has been given so far.</summary>
    public void Record(CudaStream stream) => Context.Check(EventRecord(Value, stream.Value), "cuEventRecord");

    /// <summary>Whether the stream has come this far; true for an event that was never recorded.</summary>
    public bool IsComplete()
    {
        var result = EventQuery(Value);
        if (result == CudaResult.NotReady)
        {
            return false;
        }

        Context.Check(result, "cuEventQuery");
        return true;
    }

    public void Synchronize() => Context.Check(EventSynchronize(Value), "cuEventSynchronize");

    /// <summary>Time between two events of the Timing kind that have both been reached; half a microsecond fine.</summary>
    public TimeSpan Since(CudaEvent start)
    {
        Context.Check(EventElapsedTime(out var milliseconds, start.Value, Value), "cuEventElapsedTime");
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    protected override CudaResult Destroy(nint value) => EventDestroy(value);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuEventCreate")]
    private static partial CudaResult EventCreate(out nint point, uint flags);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuEventDestroy_v2")]
    private static partial CudaResult EventDestroy(nint point);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuEventRecord")]
    private static partial CudaResult EventRecord(nint point, nint stream);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuEventQuery")]
    private static partial CudaResult EventQuery(nint point);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuEventSynchronize")]
    private static partial CudaResult EventSynchronize(nint point);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuEventElapsedTime")]
    private static partial CudaResult EventElapsedTime(out float milliseconds, nint start, nint end);
}
