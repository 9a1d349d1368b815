using System.Runtime.InteropServices;

namespace NvStream.Compute.Cuda.Driver;

/// <summary>cuda.h, struct CUlaunchConfig_st.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LaunchConfig
{
    public uint GridX;
    public uint GridY;
    public uint GridZ;
    public uint BlockX;
    public uint BlockY;
    public uint BlockZ;
    public uint SharedBytes;
    public nint Stream;
    public LaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>cuda.h, struct CUlaunchAttribute_st: an id, four bytes of padding and a union of 64 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct LaunchAttribute
{
    /// <summary>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: the kernel may start before its predecessor has ended.</summary>
    public const int ProgrammaticStreamSerialization = 6;

    [FieldOffset(0)]
    public int Id;

    /// <summary>The union's member of this attribute (programmaticStreamSerializationAllowed): 1 allows.</summary>
    [FieldOffset(8)]
    public int Value;
}

/// <summary>Puts kernels on a stream. The context must be current.</summary>
internal static unsafe partial class Launches
{
    /// <summary>Dynamic shared memory that every kernel may have, its static shared memory taken off.</summary>
    public const int DefaultSharedBytes = 48 * 1024;

    /// <param name="argument">The kernel's only parameter.</param>
    public static CudaResult Launch(nint function, (int X, int Y, int Z) grid, int threads, int sharedBytes, CudaStream stream, void* argument) =>
        LaunchKernel(
            function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)threads, 1, 1, (uint)sharedBytes, stream.Value, &argument, null);

    /// <summary>As <see cref="Launch"/>, but blocks may start as soon as the previous kernel lets them. Compute capability 9.0 and later.</summary>
    public static CudaResult LaunchEarly(
        nint function, (int X, int Y, int Z) grid, int threads, int sharedBytes, CudaStream stream, void* argument)
    {
        var attribute = new LaunchAttribute { Id = LaunchAttribute.ProgrammaticStreamSerialization, Value = 1 };
        var config = new LaunchConfig
        {
            GridX = (uint)grid.X,
            GridY = (uint)grid.Y,
            GridZ = (uint)grid.Z,
            BlockX = (uint)threads,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = (uint)sharedBytes,
            Stream = stream.Value,
            Attributes = &attribute,
            AttributeCount = 1,
        };
        return LaunchKernelEx(&config, function, &argument, null);
    }

    /// <summary>Bytes of static shared memory of a kernel's block.</summary>
    public static int StaticSharedBytes(CudaContext context, nint function)
    {
        context.Check(FuncGetAttribute(out var bytes, SharedSizeBytes, function), "cuFuncGetAttribute");
        return bytes;
    }

    /// <summary>Lets a kernel be launched with this much dynamic shared memory.</summary>
    public static void AllowSharedBytes(CudaContext context, nint function, int bytes) =>
        context.Check(FuncSetAttribute(function, MaxDynamicSharedSizeBytes, bytes), "cuFuncSetAttribute");

    // cuda.h, enum CUfunction_attribute_enum.
    const int SharedSizeBytes = 1;
    const int MaxDynamicSharedSizeBytes = 8;

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuLaunchKernel")]
    private static partial CudaResult LaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream,
        void** parameters, void** extra);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuLaunchKernelEx")]
    private static partial CudaResult LaunchKernelEx(LaunchConfig* config, nint function, void** parameters, void** extra);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuFuncGetAttribute")]
    private static partial CudaResult FuncGetAttribute(out int value, int attribute, nint function);

    [LibraryImport(NativeLibraries.Cuda, EntryPoint = "cuFuncSetAttribute")]
    private static partial CudaResult FuncSetAttribute(nint function, int attribute, int value);
}
