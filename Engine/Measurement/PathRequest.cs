using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>What is to be measured; see Measure-NvmePath for the same in user's words.</summary>
public sealed record PathRequest
{
    /// <summary>Routes asked for by name; empty: every one that can be had.</summary>
    public IReadOnlyList<RouteKind> Routes { get; init; } = [];

    /// <summary>Bytes of one read, multiples of 4096.</summary>
    public IReadOnlyList<int> BlockSizes { get; init; } = [1 << 20, 4 << 20, 16 << 20];

    /// <summary>Reads in flight.</summary>
    public IReadOnlyList<int> QueueDepths { get; init; } = [1, 8, 32];

    /// <summary>"Auto", "Cpu", "Cuda" or "Cuda:N".</summary>
    public string Device { get; init; } = "Auto";

    /// <summary>Bytes that are read, and of a scratch file; null: up to 4 GiB, as far as file or disk go.</summary>
    public long? Size { get; init; }

    /// <summary>Samples behind a median.</summary>
    public int Repeat { get; init; } = 3;

    /// <summary>A model whose rate is to be predicted; null: none.</summary>
    public ModelDemand? Model { get; init; }

    /// <summary>Hears what was decided and why, on the measuring thread.</summary>
    public Action<string>? Log { get; init; }
}

/// <summary>A route that this machine, file or device has not.</summary>
/// <param name="WasAskedFor">Whether it was named in <see cref="PathRequest.Routes"/>.</param>
public sealed record UnavailableRoute(RouteKind Route, string Reason, string Remedy, bool WasAskedFor);

/// <summary>How far a step of the measurement has come; reported from the measuring thread, at most ten times a second.</summary>
/// <param name="Activity">What is being done: "Writing the scratch file", "HostDirect, 4 MiB x 8".</param>
/// <param name="BytesTotal">Bytes of the whole step, or as many as it will take at most.</param>
public readonly record struct PathProgress(string Activity, long BytesDone, long BytesTotal, double BytesPerSecond);
