namespace NvStream.Streaming;

/// <summary>Which term of the bound is the largest: what a faster run would need more of.</summary>
public enum BindingTerm
{
    Nvme,
    Pcie,
    Vram,
    Compute,
}
