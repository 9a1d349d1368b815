using NvStream.Compute.Cuda.Driver;

namespace NvStream.Compute.Cuda;

/// <summary>A card's loaded kernels: a module a source file, loaded when a kernel of it is first wanted.</summary>
internal sealed class KernelStore(CudaContext context, KernelFiles files, DeviceProperties device, Action<string>? log) : IDisposable
{
    readonly Dictionary<string, CudaModule> modules = [];

    /// <exception cref="DeviceException">CubinMissing.</exception>
    public KernelFunction Find(string module, string kernel)
    {
        if (!modules.TryGetValue(module, out var loaded))
        {
            modules.Add(module, loaded = Load(module));
        }

        var function = loaded.Find(kernel);
        return function != 0
            ? new(function, kernel)
            : throw Missing($"'{module}' has no kernel '{kernel}'; its file is older than the engine");
    }

    public void Dispose()
    {
        foreach (var module in modules.Values)
        {
            module.Dispose();
        }

        modules.Clear();
    }

    CudaModule Load(string module)
    {
        var refusals = new List<string>();
        foreach (var file in files.FilesFor(module, device.Architecture))
        {
            var isPtx = Path.GetExtension(file) == ".ptx";
            if (CudaModule.TryLoad(context, Read(file, isPtx), out var refusal) is { } loaded)
            {
                if (isPtx)
                {
                    log?.Invoke($"CUDA: {device.Name}: no CUBIN of '{module}' for compute capability {device.ComputeCapability}; the driver compiled its PTX.");
                }

                return loaded;
            }

            log?.Invoke($"CUDA: {device.Name}: {file} was refused: {refusal}.");
            refusals.Add($"{file} was refused: {refusal}");
        }

        throw Missing(refusals.Count > 0 ? string.Join("; ", refusals) : $"there is no '{module}' for it in {files.Folder}");
    }

    /// <summary>The driver wants a zero at the end of PTX, which is text; a CUBIN knows its own length.</summary>
    static byte[] Read(string file, bool isPtx)
    {
        using var stream = File.OpenRead(file);
        var image = new byte[stream.Length + (isPtx ? 1 : 0)];
        stream.ReadExactly(image, 0, (int)stream.Length);
        return image;
    }

    DeviceException Missing(string what) =>
        DeviceException.CubinMissing($"{device.Name} (compute capability {device.ComputeCapability})", what);
}
