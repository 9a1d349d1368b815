namespace NvStream.Compute;

/// <summary>A device that is missing, out of memory or lost.</summary>
public sealed class DeviceException : NvStreamException
{
    DeviceException(string errorId, string message, string remedy, Exception? inner = null)
        : base(errorId, message, remedy, inner)
    {
    }

    /// <summary>The device refused an allocation although the plan had counted it.</summary>
    public static DeviceException OutOfMemory(string device, long bytes, string purpose) => new(
        "DeviceBudgetTooSmall", $"{device} could not allocate {bytes} bytes for {purpose}.",
        "Close what else uses the device's memory, or lower DeviceBudget or ContextLength.");

    public static DeviceException CudaUnavailable(string why) => new(
        "CudaUnavailable", $"No CUDA device can be used: {why}.",
        "Use -Device Cpu, or install an NVIDIA driver and run Get-StreamDevice -Verbose.");

    public static DeviceException Unknown(string name) => new(
        "DeviceUnknown", $"There is no device '{name}'.", "Use Auto, Cpu, Cuda or Cuda:N; Get-StreamDevice lists what this machine has.");
}
