namespace NvStream.Measurement.Topology;

/// <summary>What a layer between a file system and its drives does to the bytes' way.</summary>
internal enum LayerKind
{
    /// <summary>A file system on another.</summary>
    Overlay,

    /// <summary>A part of a drive; adds an offset and nothing else.</summary>
    Partition,

    /// <summary>Parts of drives put together: LVM, md, multipath, bcache.</summary>
    Volume,

    /// <summary>The processor decrypts what is read.</summary>
    Encryption,

    /// <summary>A file that poses as a drive.</summary>
    Loop,

    /// <summary>A file system that has its drives to itself and tells nothing of them, or has none.</summary>
    Opaque,
}

/// <summary>A layer between a file system and its drives.</summary>
/// <param name="Text">"dm-0 (LVM vg-models)".</param>
internal readonly record struct Layer(string Text, LayerKind Kind);

/// <summary>A drive and where it is plugged in; null where that is no PCI slot.</summary>
internal readonly record struct PluggedDrive(BlockDevice Drive, PciDevice? Pci);

/// <summary>How a path comes to its drives.</summary>
/// <param name="Mount">Null where the path's mount is not known.</param>
/// <param name="FileSystemMount">Of the file system that holds the file: below an overlay, as far as it was seen; else the same.</param>
/// <param name="DeviceNumber">Of the block device that it lies on, "259:2"; null where it has none.</param>
internal sealed record StorageStack(
    Mount? Mount, Mount? FileSystemMount, string? DeviceNumber, IReadOnlyList<Layer> Layers, IReadOnlyList<PluggedDrive> Drives)
{
    public string? FileSystem => FileSystemMount?.FileSystem;

    public bool Has(LayerKind kind) => Layers.Any(l => l.Kind == kind);
}
