using System.IO.Compression;
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
            var isPtx = file.EndsWith(KernelFiles.PtxExtension, StringComparison.Ordinal);
            if (TryLoad(file, isPtx, out var refusal) is { } loaded)
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

    CudaModule? TryLoad(string file, bool isPtx, out string? refusal)
    {
        try
        {
            return CudaModule.TryLoad(context, Read(file, isPtx), out refusal);
        }
        catch (InvalidDataException e)
        {
            refusal = $"it is damaged ({e.Message.TrimEnd('.')})";
            return null;
        }
    }

    /// <summary>The driver wants a zero at the end of PTX, which is text; a CUBIN knows its own length.</summary>
    static byte[] Read(string file, bool isPtx)
    {
        using var packed = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
        using var image = new MemoryStream();
        packed.CopyTo(image);
        if (isPtx)
        {
            image.WriteByte(0);
        }

        return image.ToArray();
    }

    DeviceException Missing(string what) =>
        DeviceException.CubinMissing($"{device.Name} (compute capability {device.ComputeCapability})", what);
}
