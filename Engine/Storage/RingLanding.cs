using NvStream.Compute;

namespace NvStream.Storage;

/// <summary>Blocks for the device's memory are read into a pinned ring and copied from there, those for host memory read to it.</summary>
sealed class RingLanding(IHostCopies copies, PinnedRing ring) : ILanding
{
    public bool TryPlace(Transfer transfer, in Transfer.Block block, out Place place)
    {
        if (transfer.Path == TransferPath.FileToHost)
        {
            place = new(block.Destination, -1);
            return true;
        }

        var isFree = ring.TryTake(out var buffer);
        place = isFree ? new(ring.AddressOf(buffer), buffer) : default;
        return isFree;
    }

    public void AwaitPlace(Transfer transfer) => ring.AwaitBuffer();

    public void Land(Transfer transfer, in Transfer.Block block, Place place)
    {
        switch (transfer.Path)
        {
            case TransferPath.HostToDevice:
                copies.Copy(block.Source, block.Destination, block.Length, transfer.After);
                break;
            case TransferPath.FileToDevice:
                ring.Copy(place.Buffer, block.Destination, block.Length, transfer.After);
                break;
        }
    }

    public void Return(Transfer transfer, Place place)
    {
        if (place.Buffer >= 0)
        {
            ring.Return(place.Buffer);
        }
    }

    public void End(Transfer transfer) => transfer.Copied = copies.RecordCopyFence(transfer.CopyFence);

    public void Dispose() => ring.Dispose();
}
