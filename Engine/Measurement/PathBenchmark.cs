namespace NvStream.Measurement;

/// <summary>Measures how fast bytes get from a file to a device.</summary>
public static class PathBenchmark
{
    public static void Run(
        string path, PathRequest request, Action<NvmeMeasurement> onRow, Action<UnavailableRoute> onUnavailable, IProgress<PathProgress>? progress = null,
        CancellationToken cancellationToken = default) => throw new NotImplementedException();

    public static long ScratchBytes(string folder, PathRequest request) => throw new NotImplementedException();
}
