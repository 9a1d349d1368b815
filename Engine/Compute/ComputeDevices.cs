using System.Globalization;
using NvStream.Compute.Cpu;
using NvStream.Compute.Cuda;

namespace NvStream.Compute;

/// <summary>Which devices this machine has, and how one is opened by name.</summary>
public static class ComputeDevices
{
    /// <summary>Every usable device, the CPU last; never fails. <paramref name="log"/> gets what was looked for.</summary>
    public static IReadOnlyList<DeviceInfo> List(Action<string>? log = null)
    {
        using var cpu = new CpuDevice(1);
        return [.. CudaDevices.List(log), cpu.Info];
    }

    /// <param name="name">"Auto" (a GPU if one is usable, else the CPU), "Cpu", "Cuda" (the first) or "Cuda:N".</param>
    /// <param name="threads">Threads of the CPU device; null for all cores.</param>
    /// <param name="log">Gets what was looked for, and why Auto took the CPU.</param>
    /// <exception cref="DeviceException">CudaUnavailable, CubinMissing, CudaError, HostMemoryTooSmall, DeviceUnknown; Auto has none of the first three.</exception>
    public static IComputeDevice Open(string name, int? threads = null, Action<string>? log = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Equals("Auto", StringComparison.OrdinalIgnoreCase))
        {
            return (IComputeDevice?)CudaDevices.TryOpenFirst(log) ?? new CpuDevice(threads);
        }

        if (name.Equals("Cpu", StringComparison.OrdinalIgnoreCase))
        {
            return new CpuDevice(threads);
        }

        return OrdinalOf(name) is { } ordinal ? CudaDevices.Open(ordinal, log) : throw DeviceException.Unknown(name);
    }

    static int? OrdinalOf(string name)
    {
        const string Prefix = "Cuda";
        if (name.Equals(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return 0;
        }

        return name.StartsWith(Prefix + ":", StringComparison.OrdinalIgnoreCase)
            && int.TryParse(name.AsSpan(Prefix.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal : null;
    }
}
