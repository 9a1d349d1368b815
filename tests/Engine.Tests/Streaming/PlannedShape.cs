using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Models;

namespace NvStream.Tests.Streaming;

/// <summary>Hyperparameters and layers of a model that is never read.</summary>
sealed record PlannedShape(ModelSpec Spec, LayerLayout[] Layers)
{
    static readonly Lazy<PlannedShape> s_seventy = new(() => Of(SyntheticModel.OfShape("70B")));

    /// <summary>80 layers of 0.5 GB and a head of 0.8 GB.</summary>
    public static PlannedShape SeventyBillion => s_seventy.Value;

    public long Bytes => Layers.Sum(l => l.Bytes);

    public long LargestBytes => Layers.Max(l => l.Bytes);

    public static PlannedShape Of(SyntheticModel shape)
    {
        var folder = Directory.CreateTempSubdirectory("nvstream").FullName;
        try
        {
            var path = Path.Combine(folder, "shape.gguf");
            shape.Write(path, new() { Sparse = true });
            using var file = GgufFile.Open(path);
            using var device = new CpuDevice(1);
            var spec = ModelSpec.FromGguf(file);
            return new(spec, LayerLayout.Read(file, spec, device.Supports));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
