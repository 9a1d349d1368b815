namespace NvStream.Models;

/// <summary>
/// Where the forward pass gets its layers: called for layers 0 to N (N is the head) in this order, each acquired once
/// and released once before the next is asked for. Resident layers may be left out of a pass.
/// </summary>
public interface ILayerSource
{
    /// <summary>Whether the layer's bytes stay at one address for good: acquiring it never waits, and needs no release.</summary>
    bool IsResident(int layer);

    /// <summary>The layer's base address in device memory, once work issued from now on finds its bytes there.</summary>
    nint Acquire(int layer, CancellationToken cancellationToken);

    /// <summary>Says that all work on the layer has been issued: its memory may be refilled once that work is done.</summary>
    void Release(int layer);
}
