using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>What a card is, read without creating a context on it.</summary>
/// <param name="Ordinal">Its number among the devices that the process sees.</param>
/// <param name="Handle">CUdevice.</param>
/// <param name="Memory">Bytes.</param>
/// <param name="Major">Of the compute capability; with <paramref name="Minor"/> 9.0 for sm_90.</param>
/// <param name="BusId">PCI bus id, "00000000:1B:00.0".</param>
internal sealed unsafe partial record DeviceProperties(
    int Ordinal, int Handle, string Name, long Memory, int Major, int Minor, int Multiprocessors, string BusId)
{
    /// <summary>Compute capability as in sm_90: 90.</summary>
    public int Architecture => (10 * Major) + Minor;

    /// <summary>"9.0".</summary>
    public string ComputeCapability => FormattableString.Invariant($"{Major}.{Minor}");

    /// <summary>The driver must be initialized.</summary>
    /// <exception cref="DeviceException">CudaError.</exception>
    public static DeviceProperties Read(int ordinal)
    {
        CudaErrors.Check(DeviceGet(out var device, ordinal), "cuDeviceGet");
        CudaErrors.Check(DeviceTotalMem(out var bytes, device), "cuDeviceTotalMem");
        const int length = 256;
        var text = stackalloc byte[length];
        CudaErrors.Check(DeviceGetName(text, length, device), "cuDeviceGetName");
        var name = Marshal.PtrToStringUTF8((nint)text)!;
        CudaErrors.Check(DeviceGetPciBusId(text, length, device), "cuDeviceGetPCIBusId");
        var busId = Marshal.PtrToStringUTF8((nint)text)!;
        return new(
            ordinal, device, name, (long)bytes, Attribute(device, CapabilityMajor), Attribute(device, CapabilityMinor),
            Attribute(device, MultiprocessorCount), busId);
    }

    static int Attribute(int device, int attribute)
    {
        CudaErrors.Check(DeviceGetAttribute(out var value, attribute, device), "cuDeviceGetAttribute");
        return value;
    }

    // cuda.h, enum CUdevice_attribute_enum.
    const int MultiprocessorCount = 16;
    const int CapabilityMajor = 75;
    const int CapabilityMinor = 76;

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDeviceGet")]
    private static partial CudaResult DeviceGet(out int device, int ordinal);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDeviceGetName")]
    private static partial CudaResult DeviceGetName(byte* name, int length, int device);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDeviceGetPCIBusId")]
    private static partial CudaResult DeviceGetPciBusId(byte* busId, int length, int device);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDeviceTotalMem_v2")]
    private static partial CudaResult DeviceTotalMem(out nuint bytes, int device);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuDeviceGetAttribute")]
    private static partial CudaResult DeviceGetAttribute(out int value, int attribute, int device);
}
