using System.Reflection;
using System.Runtime.InteropServices;

namespace NvStream.Compute;

/// <summary>
/// The native libraries that the engine looks for itself, because their names differ between systems and their absence
/// must be explained. An assembly can have one import resolver: this is it, set when a library is first wanted.
/// </summary>
internal static class NativeLibraries
{
    /// <summary>Import name of the CUDA driver.</summary>
    public const string Cuda = "nvstream-cuda";

    /// <summary>Import name of NVIDIA's management library.</summary>
    public const string Nvml = "nvstream-nvml";

    /// <summary>Import name of cuFile, which reads files into a card's memory.</summary>
    public const string CuFile = "nvstream-cufile";

    /// <summary>Names a driver library to be used and no other.</summary>
    public const string CudaOverride = "NVSTREAM_CUDA_LIBRARY";

    /// <summary>Names a cuFile library to be used and no other.</summary>
    public const string CuFileOverride = "NVSTREAM_CUFILE_LIBRARY";

    static readonly Lock Gate = new();
    static readonly Dictionary<string, LibrarySearch> Found = [];
    static bool isResolving;

    /// <summary>Loads a library by its import name; what was found once stays.</summary>
    public static LibrarySearch Load(string library)
    {
        lock (Gate)
        {
            if (!isResolving)
            {
                NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);
                isResolving = true;
            }

            if (!Found.TryGetValue(library, out var search))
            {
                search = LibrarySearch.Find(NamesOf(library));
                if (search.IsFound)
                {
                    Found.Add(library, search);
                }
            }

            return search;
        }
    }

    /// <summary>
    /// File names of a library, the likeliest first. The folders are those that container runtimes and WSL mount and
    /// the CUDA toolkit installs to, and that a minimal image's loader does not know.
    /// </summary>
    public static IReadOnlyList<string> NamesOf(string library) => library switch
    {
        Cuda when Environment.GetEnvironmentVariable(CudaOverride) is { Length: > 0 } path => [path],
        Cuda when OperatingSystem.IsWindows() => ["nvcuda.dll"],
        Cuda => ["libcuda.so.1", "libcuda.so", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"],
        Nvml when OperatingSystem.IsWindows() => ["nvml.dll"],
        Nvml => ["libnvidia-ml.so.1", "libnvidia-ml.so", "/usr/local/nvidia/lib64/libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"],
        CuFile when Environment.GetEnvironmentVariable(CuFileOverride) is { Length: > 0 } path => [path],
        CuFile when OperatingSystem.IsLinux() =>
        [
            "libcufile.so.0", "libcufile.so", "/usr/local/cuda/lib64/libcufile.so.0",
            RuntimeInformation.ProcessArchitecture == Architecture.Arm64
                ? "/usr/local/cuda/targets/sbsa-linux/lib/libcufile.so.0"
                : "/usr/local/cuda/targets/x86_64-linux/lib/libcufile.so.0",
        ],
        _ => [],
    };

    /// <summary>0 lets the runtime look as it would have without a resolver.</summary>
    static nint Resolve(string library, Assembly assembly, DllImportSearchPath? path) =>
        library is Cuda or Nvml or CuFile ? Load(library).Handle : 0;
}
