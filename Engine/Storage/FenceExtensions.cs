using NvStream.Compute;

namespace NvStream.Storage;

static class FenceExtensions
{
    /// <summary>Waits before memory is freed. A device that is lost cannot say when it is done, and is done.</summary>
    public static void Settle(this IDeviceFence fence)
    {
        try
        {
            fence.Wait();
        }
        catch (NvStreamException)
        {
            // Reported where the work was issued; here there is only memory to be given back.
        }
    }
}
