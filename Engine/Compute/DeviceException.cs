namespace NvStream.Compute;

/// <summary>A device that is missing, out of memory or lost.</summary>
public sealed class DeviceException : NvStreamException
{
    DeviceException(string errorId, string message, string remedy, Exception? inner = null)
        : base(errorId, message, remedy, inner)
    {
    }

    /// <summary>The device refused an allocation although the plan had counted it.</summary>
    /// <param name="free">Bytes that the device says are free; null where it does not say.</param>
    public static DeviceException OutOfMemory(string device, long bytes, string purpose, long? free = null) => new(
        "DeviceBudgetTooSmall", $"{device} could not allocate {bytes} bytes for {purpose}{(free is null ? "" : $"; {free} bytes are free")}.",
        "Close what else uses the device's memory, or lower DeviceBudget or ContextLength.");

    /// <summary>The system refused page-locked host memory.</summary>
    public static DeviceException HostMemoryTooSmall(long bytes, string purpose) => new(
        "HostMemoryTooSmall", $"{bytes} bytes of page-locked host memory for {purpose} could not be had.",
        "Close what else uses memory, or lower HostBudget.");

    public static DeviceException CudaUnavailable(string why) => new(
        "CudaUnavailable", $"No CUDA device can be used: {why}.",
        "Use -Device Cpu, or install an NVIDIA driver and run Get-StreamDevice -Verbose.");

    /// <summary>The driver answered a call with an error.</summary>
    /// <param name="call">The driver function.</param>
    /// <param name="error">Its answer by name and meaning.</param>
    /// <param name="where">"in or before kernel 'rope' of layer 'blk.3'"; null where no kernel is to blame.</param>
    /// <param name="isLost">Whether the device can do nothing any more.</param>
    public static DeviceException CudaError(string call, string error, string? where, bool isLost) => new(
        "CudaError", $"{call} answered {error}{(where is null ? "" : ", " + where)}.",
        isLost
            ? "Start a new process: a card is lost to the one that broke it, and only -Device Cpu still works there. "
                + "With NVSTREAM_CUDA_SYNC=1 in the environment the error names its kernel exactly."
            : "Get-StreamDevice -Verbose tells what driver and device there are; report what cannot be explained by them.");

    /// <summary>A call to a device that an earlier error has made useless.</summary>
    public static DeviceException CudaLost(DeviceException first) => new(
        "CudaError", $"The device was lost by an earlier error: {first.Message}", first.Remedy, first);

    /// <param name="device">Name and compute capability.</param>
    /// <param name="what">Which kernels are not there, or why they cannot be loaded.</param>
    public static DeviceException CubinMissing(string device, string what) => new(
        "CubinMissing", $"{device} has no kernels to run: {what}.",
        "Install the module again; from source, run ./build.ps1 -Task Kernels where there is nvcc. A card needs compute capability 8.0 or later.");

    public static DeviceException Unknown(string name) => new(
        "DeviceUnknown", $"There is no device '{name}'.", "Use Auto, Cpu, Cuda or Cuda:N; Get-StreamDevice lists what this machine has.");
}
