using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>Loaded kernels of one source file.</summary>
internal sealed unsafe partial class CudaModule : CudaHandle
{
    const int LogBytes = 8192;

    CudaModule(CudaContext context, nint value)
        : base(context, value)
    {
    }

    /// <summary>Null, with the compiler's words in <paramref name="refusal"/>, where this card cannot run the image.</summary>
    /// <param name="image">A CUBIN, or PTX with a zero at its end.</param>
    /// <exception cref="DeviceException">CudaError: the load failed for another reason than the image.</exception>
    public static CudaModule? TryLoad(CudaContext context, byte[] image, out string? refusal)
    {
        var log = new byte[LogBytes];
        context.Enter();
        fixed (byte* bytes = image, text = log)
        {
            var options = stackalloc int[] { ErrorLogBuffer, ErrorLogBufferBytes };
            var values = stackalloc nint[] { (nint)text, LogBytes };
            var result = ModuleLoadDataEx(out var value, bytes, 2, options, (void**)values);
            if (result == CudaResult.Success)
            {
                refusal = null;
                return new(context, value);
            }

            // 200..299 are about the image: broken, for another card, or newer than the driver.
            if ((int)result is < 200 or > 299 || CudaErrors.IsSticky(result))
            {
                context.Check(result, "cuModuleLoadDataEx");
            }

            var words = Marshal.PtrToStringUTF8((nint)text)?.Trim();
            refusal = CudaErrors.Describe(result) + (string.IsNullOrEmpty(words) ? "" : ": " + words);
            return null;
        }
    }

    /// <summary>CUfunction; it lives as long as the module. 0 where there is none of this name.</summary>
    public nint Find(string kernel)
    {
        Context.Enter();
        var result = ModuleGetFunction(out var function, Value, kernel);
        if (result == CudaResult.NotFound)
        {
            return 0;
        }

        Context.Check(result, "cuModuleGetFunction");
        return function;
    }

    protected override CudaResult Destroy(nint value) => ModuleUnload(value);

    // cuda.h, enum CUjit_option_enum.
    const int ErrorLogBuffer = 5;
    const int ErrorLogBufferBytes = 6;

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuModuleLoadDataEx")]
    private static partial CudaResult ModuleLoadDataEx(out nint module, byte* image, uint count, int* options, void** values);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuModuleUnload")]
    private static partial CudaResult ModuleUnload(nint module);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuModuleGetFunction", StringMarshalling = StringMarshalling.Utf8)]
    private static partial CudaResult ModuleGetFunction(out nint function, nint module, string name);
}
