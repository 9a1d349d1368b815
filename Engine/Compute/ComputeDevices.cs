namespace NvStream.Compute;

/// <summary>Which devices this machine has, and how one is opened by name.</summary>
public static class ComputeDevices
{
    /// <summary>Every usable device, the CPU last; never fails. <paramref name="log"/> gets what was looked for.</summary>
    public static IReadOnlyList<DeviceInfo> List(Action<string>? log = null) => throw new NotImplementedException();

    /// <param name="name">"Auto" (a GPU if one is usable, else the CPU), "Cpu", "Cuda" or "Cuda:N".</param>
    /// <exception cref="DeviceException">CudaUnavailable.</exception>
    public static IComputeDevice Open(string name, int? threads = null) => throw new NotImplementedException();
}
