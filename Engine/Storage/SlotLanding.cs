namespace NvStream.Storage;

/// <summary>Blocks are read to where they are used; nothing is written there before the work that still reads it is done.</summary>
sealed class SlotLanding : ILanding
{
    public bool TryPlace(Transfer transfer, in Transfer.Block block, out Place place)
    {
        place = new(block.Destination, 0);
        return transfer.After?.IsComplete ?? true;
    }

    public void AwaitPlace(Transfer transfer) => transfer.After!.Wait();

    public void Land(Transfer transfer, in Transfer.Block block, Place place)
    {
    }

    public void Return(Transfer transfer, Place place)
    {
    }

    public void End(Transfer transfer)
    {
    }

    public void Dispose()
    {
    }
}
