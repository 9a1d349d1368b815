namespace NvStream.Models;

/// <summary>
/// Where the forward pass gets its layers: called for layers 0 to N (N is the head) in this order, each acquired once
/// and released once before the next is asked for.
/// </summary>
public interface ILayerSource
{
    /// <summary>Waits until the layer's bytes are in device memory and returns their base address.</summary>
    nint Acquire(int layer, CancellationToken cancellationToken);

    /// <summary>Says that all work on the layer has been issued: its memory may be refilled once that work is done.</summary>
    void Release(int layer);
}
