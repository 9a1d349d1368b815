using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>What NVIDIA's management library knows of a card and the driver does not; null is not known.</summary>
/// <param name="DriverVersion">"580.65.06".</param>
/// <param name="PcieGeneration">Of the moment: an idle link is clocked down.</param>
/// <param name="PcieWidth">Lanes in use now, which do not change with load.</param>
/// <param name="MaxPcieGeneration">The highest that card and slot can do together.</param>
/// <param name="MaxPcieWidth">The most lanes that card and slot can do together.</param>
/// <param name="FreeMemory">Bytes.</param>
/// <param name="Bar1Memory">Bytes of its memory that can be addressed from outside at once.</param>
internal sealed record CardFacts(
    string? DriverVersion = null, int? PcieGeneration = null, int? PcieWidth = null, int? MaxPcieGeneration = null, int? MaxPcieWidth = null,
    long? FreeMemory = null, long? Bar1Memory = null);

/// <summary>NVIDIA's management library (nvml.h), which a driver comes with but a container may lack.</summary>
internal static unsafe partial class Nvml
{
    const int Success = 0;

    /// <summary>Never fails: what cannot be had is null, and <paramref name="log"/> hears why.</summary>
    /// <param name="busId">PCI bus id as the driver gives it.</param>
    public static CardFacts Read(string busId, Action<string>? log)
    {
        var search = NativeLibraries.Load(NativeLibraries.Nvml);
        if (!search.IsFound)
        {
            log?.Invoke("NVML: not found, so PCIe and driver version are not known; tried " + string.Join(", ", search.Tried) + ".");
            return new();
        }

        try
        {
            var result = Init();
            if (result == Success)
            {
                try
                {
                    return ReadCard(busId);
                }
                finally
                {
                    _ = Shutdown();
                }
            }

            log?.Invoke(FormattableString.Invariant($"NVML: {search.Name} is there, but nvmlInit answered {result}."));
        }
        catch (EntryPointNotFoundException e)
        {
            log?.Invoke($"NVML: {search.Name} cannot be used: {e.Message}");
        }

        return new();
    }

    static CardFacts ReadCard(string busId)
    {
        const int length = 96;
        var text = stackalloc byte[length];
        var version = SystemGetDriverVersion(text, length) == Success ? Marshal.PtrToStringUTF8((nint)text) : null;
        if (DeviceGetHandle(busId, out var device) != Success)
        {
            return new(version);
        }

        return new(
            version,
            Number(GetLinkGeneration, device),
            Number(GetLinkWidth, device),
            Number(GetMaxLinkGeneration, device),
            Number(GetMaxLinkWidth, device),
            (long?)Answer<MemoryInfo>(GetMemoryInfo, device)?.Free,
            (long?)Answer<MemoryInfo>(GetBar1MemoryInfo, device)?.Total);
    }

    delegate int Question<T>(nint device, out T value);

    static int? Number(Question<uint> question, nint device) => (int?)Answer(question, device);

    /// <summary>Null where the card, or this version of the library, has no answer.</summary>
    static T? Answer<T>(Question<T> question, nint device) where T : struct
    {
        try
        {
            return question(device, out var value) == Success ? value : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>nvml.h, struct nvmlMemory_st, and nvmlBAR1Memory_st, which has the same fields: bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MemoryInfo
    {
        public ulong Total;
        public ulong Free;
        public ulong Used;
    }

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlInit_v2")]
    private static partial int Init();

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlShutdown")]
    private static partial int Shutdown();

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlSystemGetDriverVersion")]
    private static partial int SystemGetDriverVersion(byte* version, uint length);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetHandleByPciBusId_v2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int DeviceGetHandle(string busId, out nint device);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetCurrPcieLinkGeneration")]
    private static partial int GetLinkGeneration(nint device, out uint generation);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetMaxPcieLinkGeneration")]
    private static partial int GetMaxLinkGeneration(nint device, out uint generation);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetCurrPcieLinkWidth")]
    private static partial int GetLinkWidth(nint device, out uint lanes);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetMaxPcieLinkWidth")]
    private static partial int GetMaxLinkWidth(nint device, out uint lanes);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetMemoryInfo")]
    private static partial int GetMemoryInfo(nint device, out MemoryInfo memory);

    [LibraryImport(NativeLibraries.Nvml, EntryPoint = "nvmlDeviceGetBAR1MemoryInfo")]
    private static partial int GetBar1MemoryInfo(nint device, out MemoryInfo memory);
}
