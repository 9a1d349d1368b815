using NvStream.Compute;

namespace NvStream.Streaming;

static class DeviceWork
{
    /// <summary>
    /// Waits until copies and device work issued so far are done: memory they use can be freed then. A device that is
    /// lost does nothing any more; it said so where the work was issued.
    /// </summary>
    /// <param name="deviceFence">Number of a device fence that nobody waits for.</param>
    /// <param name="copyFence">The same of a copy fence.</param>
    public static void Settle(IComputeDevice device, int deviceFence, int copyFence)
    {
        try
        {
            device.RecordFence(deviceFence).Wait();
            device.HostCopies?.RecordCopyFence(copyFence).Wait();
        }
        catch (NvStreamException)
        {
        }
    }
}
