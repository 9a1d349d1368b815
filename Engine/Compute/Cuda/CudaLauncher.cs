using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>Puts kernels on the compute stream, early where the card can and may, and remembers which for error messages.</summary>
internal sealed unsafe class CudaLauncher(
    CudaContext context, CudaStream compute, KernelStore kernels, DeviceProperties device, bool overlaps) : KernelLauncher
{
    readonly Dictionary<nint, int> sharedBytesAllowed = [];
    bool followsKernel;

    public override int Multiprocessors => device.Multiprocessors;

    public override int Architecture => device.Architecture;

    public override KernelFunction Find(string module, string kernel)
    {
        var function = kernels.Find(module, kernel);
        sharedBytesAllowed[function.Handle] = Launches.DefaultSharedBytes - Launches.StaticSharedBytes(context, function.Handle);
        return function;
    }

    public override void Launch<TArguments>(
        KernelFunction kernel, (int X, int Y, int Z) grid, int threads, int sharedBytes, in TArguments arguments)
    {
        if (sharedBytes > 0 && sharedBytes > sharedBytesAllowed.GetValueOrDefault(kernel.Handle))
        {
            Launches.AllowSharedBytes(context, kernel.Handle, sharedBytes);
            sharedBytesAllowed[kernel.Handle] = sharedBytes;
        }

        context.Kernel = kernel.Name;
        fixed (TArguments* argument = &arguments)
        {
            // A kernel may start early only behind another: what came between may be what it reads.
            var result = overlaps && followsKernel
                ? Launches.LaunchEarly(kernel.Handle, grid, threads, sharedBytes, compute, argument)
                : Launches.Launch(kernel.Handle, grid, threads, sharedBytes, compute, argument);
            if (result != CudaResult.Success)
            {
                throw Refused(result, kernel, grid, threads, sharedBytes);
            }
        }

        followsKernel = true;
        if (context.IsSynchronous)
        {
            compute.Synchronize();
        }
    }

    /// <summary>Something else than a kernel was put on the compute stream: the next kernel waits for all of it.</summary>
    public void Interrupt() => followsKernel = false;

    /// <summary>Launches fail for their own arguments as well as for an earlier kernel's fault: both are told.</summary>
    DeviceException Refused(CudaResult result, KernelFunction kernel, (int X, int Y, int Z) grid, int threads, int sharedBytes) => context.Fail(
        result,
        FormattableString.Invariant(
            $"cuLaunchKernel of '{kernel.Name}' (grid {grid.X} x {grid.Y} x {grid.Z}, {threads} threads, {sharedBytes} bytes of shared memory)"));
}
