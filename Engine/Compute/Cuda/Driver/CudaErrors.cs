using System.Globalization;
using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>Turns the driver's answers into exceptions.</summary>
internal static partial class CudaErrors
{
    /// <param name="call">The driver function that answered.</param>
    /// <param name="context">Whose work it was; it is marked lost where the error says so.</param>
    /// <exception cref="DeviceException">CudaError.</exception>
    public static void Check(CudaResult result, string call, CudaContext? context = null)
    {
        if (result != CudaResult.Success)
        {
            throw context is null
                ? DeviceException.CudaError(call, Describe(result), where: null, isLost: false)
                : context.Fail(result, call);
        }
    }

    /// <summary>Whether nothing can be done with a context any more after this answer.</summary>
    public static bool IsSticky(CudaResult result) => result
        is CudaResult.EccUncorrectable or CudaResult.NvlinkUncorrectable or CudaResult.IllegalAddress or CudaResult.LaunchTimeout
        or CudaResult.ContextIsDestroyed or CudaResult.Assert or CudaResult.HardwareStackError or CudaResult.IllegalInstruction
        or CudaResult.MisalignedAddress or CudaResult.InvalidAddressSpace or CudaResult.InvalidProgramCounter
        or CudaResult.LaunchFailed or CudaResult.TensorMemoryLeak or CudaResult.Unknown;

    /// <summary>"CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)".</summary>
    public static string Describe(CudaResult result)
    {
        try
        {
            var name = GetErrorName(result, out var text) == CudaResult.Success ? Marshal.PtrToStringUTF8(text) : null;
            var meaning = GetErrorString(result, out text) == CudaResult.Success ? Marshal.PtrToStringUTF8(text) : null;
            return name is null ? Number(result) : $"{name} ({meaning})";
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return Number(result);
        }
    }

    static string Number(CudaResult result) => "error " + ((int)result).ToString(CultureInfo.InvariantCulture);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuGetErrorName")]
    private static partial CudaResult GetErrorName(CudaResult result, out nint text);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuGetErrorString")]
    private static partial CudaResult GetErrorString(CudaResult result, out nint text);
}
