using System.Globalization;
using NvStream.Compute.Cpu;

namespace NvStream.Compute;

/// <summary>Which devices this machine has, and how one is opened by name.</summary>
public static class ComputeDevices
{
    /// <summary>Every usable device, the CPU last; never fails. <paramref name="log"/> gets what was looked for.</summary>
    public static IReadOnlyList<DeviceInfo> List(Action<string>? log = null)
    {
        log?.Invoke("CUDA: this version has no CUDA device, so no driver was looked for.");
        using var cpu = new CpuDevice(1);
        return [cpu.Info];
    }

    /// <param name="name">"Auto" (a GPU if one is usable, else the CPU), "Cpu", "Cuda" or "Cuda:N".</param>
    /// <exception cref="DeviceException">CudaUnavailable.</exception>
    public static IComputeDevice Open(string name, int? threads = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Equals("Auto", StringComparison.OrdinalIgnoreCase) || name.Equals("Cpu", StringComparison.OrdinalIgnoreCase))
        {
            return new CpuDevice(threads);
        }

        var isCuda = name.Equals("Cuda", StringComparison.OrdinalIgnoreCase)
            || (name.StartsWith("Cuda:", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));
        throw isCuda
            ? DeviceException.CudaUnavailable("this version of the engine has no CUDA device")
            : DeviceException.Unknown(name);
    }
}
