using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>The NVIDIA cards of this machine, and why one cannot be used.</summary>
internal static class CudaDevices
{
    const string StagedReason = "Files are read into page-locked host memory and copied to this device from there.";

    /// <summary>Every usable card; never fails.</summary>
    /// <param name="log">Gets what was looked for, and why what is there cannot be used.</param>
    public static IReadOnlyList<DeviceInfo> List(Action<string>? log)
    {
        var list = new List<DeviceInfo>();
        foreach (var ordinal in Ordinals(log))
        {
            try
            {
                var device = Usable(ordinal, KernelFiles.BesideEngine(), out var target);
                list.Add(Describe(device, target, CudaDriver.Initialize(), log));
            }
            catch (DeviceException e)
            {
                log?.Invoke("CUDA: " + e.Message);
            }
        }

        return list;
    }

    /// <exception cref="DeviceException">CudaUnavailable, CubinMissing, CudaError, HostMemoryTooSmall.</exception>
    public static CudaDevice Open(int ordinal, Action<string>? log)
    {
        var version = CudaDriver.Initialize(log);
        var count = CudaDriver.CountDevices();
        if (ordinal >= count)
        {
            throw DeviceException.CudaUnavailable(
                FormattableString.Invariant($"Cuda:{ordinal} was asked for, and the driver has {count} device(s), numbered from 0"));
        }

        var files = KernelFiles.BesideEngine();
        var device = Usable(ordinal, files, out var target);
        return new(device, Describe(device, target, version, log), files, version, CudaOptions.FromEnvironment(), log);
    }

    /// <summary>The first card that can be opened; null, with the reasons in <paramref name="log"/>, where none can.</summary>
    public static CudaDevice? TryOpenFirst(Action<string>? log)
    {
        foreach (var ordinal in Ordinals(log))
        {
            try
            {
                return Open(ordinal, log: null);
            }
            catch (DeviceException e)
            {
                log?.Invoke("CUDA: " + e.Message);
            }
        }

        return null;
    }

    static IEnumerable<int> Ordinals(Action<string>? log)
    {
        try
        {
            CudaDriver.Initialize(log);
            return Enumerable.Range(0, CudaDriver.CountDevices());
        }
        catch (DeviceException e)
        {
            log?.Invoke("CUDA: " + e.Message);
            return [];
        }
    }

    /// <param name="target">The kernels that it would run.</param>
    static DeviceProperties Usable(int ordinal, KernelFiles files, out string target)
    {
        var device = DeviceProperties.Read(ordinal);
        if (device.Architecture < KernelFiles.LeastArchitecture)
        {
            throw DeviceException.CudaUnavailable($"{device.Name} has compute capability {device.ComputeCapability}, and 8.0 or later is expected");
        }

        target = files.TargetsFor(device.Architecture) is [var best, ..] ? best : throw DeviceException.CubinMissing(
            $"{device.Name} (compute capability {device.ComputeCapability})", $"there are none for it in {files.Folder}");
        return device;
    }

    static DeviceInfo Describe(DeviceProperties device, string target, int driverVersion, Action<string>? log)
    {
        var facts = Nvml.Read(device.BusId, log);
        return new()
        {
            Name = device.Name,
            Kind = DeviceKind.Cuda,
            Index = device.Ordinal,
            Memory = device.Memory,
            FreeMemory = Math.Min(device.Memory, facts.FreeMemory ?? MeasureFree(device)),
            ComputeCapability = device.ComputeCapability,
            CubinTarget = target,
            PciAddress = device.BusId.ToLowerInvariant(),
            PcieGeneration = facts.PcieGeneration,
            PcieWidth = facts.PcieWidth,
            MaxPcieGeneration = facts.MaxPcieGeneration,
            MaxPcieWidth = facts.MaxPcieWidth,
            Bar1Memory = facts.Bar1Memory,
            DriverVersion = facts.DriverVersion ?? "CUDA " + CudaDriver.VersionText(driverVersion),
            GpuDirect = false,
            GpuDirectReason = StagedReason,
        };
    }

    /// <summary>The driver tells only within a context, which takes a moment to make.</summary>
    static long MeasureFree(DeviceProperties device)
    {
        using var context = CudaContext.Retain(device, isSynchronous: false);
        return DeviceBlock.Info(context).Free;
    }
}
