using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>The driver as a whole: whether it is there, how new it is, how many devices it has.</summary>
internal static partial class CudaDriver
{
    /// <summary>The oldest driver interface that the kernels and calls need, as the driver numbers it: 1000 * major + 10 * minor.</summary>
    public const int LeastVersion = 12000;

    /// <summary>The driver interface from which launches that overlap can be captured into graphs.</summary>
    public const int OverlapVersion = 12030;

    /// <summary>Loads and initializes the driver; may be called any number of times, from any thread.</summary>
    /// <param name="log">Gets what was looked for and found.</param>
    /// <returns>The driver interface's version.</returns>
    /// <exception cref="DeviceException">CudaUnavailable, naming every path tried, or what the driver said.</exception>
    public static int Initialize(Action<string>? log = null)
    {
        var search = NativeLibraries.Load(NativeLibraries.Cuda);
        foreach (var line in search.Tried)
        {
            log?.Invoke($"CUDA: tried {line}.");
        }

        if (!search.IsFound)
        {
            throw Missing(search);
        }

        try
        {
            CudaErrors.Check(DriverGetVersion(out var version), "cuDriverGetVersion");
            log?.Invoke($"CUDA: {search.Name} supports CUDA {VersionText(version)}.");
            if (version < LeastVersion)
            {
                throw DeviceException.CudaUnavailable(
                    $"the driver {search.Name} supports CUDA {VersionText(version)}, and {VersionText(LeastVersion)} or later is expected");
            }

            var result = Init(0);
            return result == CudaResult.Success
                ? version
                : throw DeviceException.CudaUnavailable($"the driver {search.Name} is there, but cuInit answered {CudaErrors.Describe(result)}");
        }
        catch (EntryPointNotFoundException e)
        {
            throw DeviceException.CudaUnavailable($"{search.Name} is no CUDA driver: {e.Message.TrimEnd('.')}");
        }
    }

    /// <summary>Devices that this process may see (CUDA_VISIBLE_DEVICES counted in).</summary>
    public static int CountDevices()
    {
        CudaErrors.Check(DeviceGetCount(out var count), "cuDeviceGetCount");
        return count;
    }

    /// <summary>"12.8".</summary>
    public static string VersionText(int version) => FormattableString.Invariant($"{version / 1000}.{version % 1000 / 10}");

    public static DeviceException Missing(LibrarySearch search) => DeviceException.CudaUnavailable(
        "no CUDA driver could be loaded; tried " + string.Join(", ", search.Tried));

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuInit")]
    private static partial CudaResult Init(uint flags);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDriverGetVersion")]
    private static partial CudaResult DriverGetVersion(out int version);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDeviceGetCount")]
    private static partial CudaResult DeviceGetCount(out int count);
}
