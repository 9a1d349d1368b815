namespace NvStream.Models;

/// <summary>What a block of device memory takes: allocations are cut at 4 KiB, so plans count them so.</summary>
static class MemoryCut
{
    const long Alignment = Gguf.FileExtent.Alignment;

    /// <summary>Bytes rounded up to whole cuts.</summary>
    public static long Up(long bytes) => checked(bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>Bytes of the whole cuts that fit.</summary>
    public static long Down(long bytes) => bytes / Alignment * Alignment;
}
