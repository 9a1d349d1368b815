namespace NvStream.Compute.Cpu;

/// <summary>The CPU device does its work before a call returns: every point in its order has been passed.</summary>
internal sealed class CompletedFence : IDeviceFence
{
    public static CompletedFence Instance { get; } = new();

    public bool IsComplete => true;

    public void Wait()
    {
    }
}
