namespace NvStream.Storage;

/// <summary>Where a block may be read to.</summary>
/// <param name="Buffer">The landing's own number for it.</param>
readonly record struct Place(nint Address, int Buffer);

/// <summary>What a route does with blocks beside reading them; called by the pump's thread alone.</summary>
interface ILanding : IDisposable
{
    /// <summary>A place for a block that is to be read; false where it must wait for work on the device, and be asked for again.</summary>
    bool TryPlace(Transfer transfer, in Transfer.Block block, out Place place);

    /// <summary>Waits for what <see cref="TryPlace"/> waits for: nothing else is going on.</summary>
    void AwaitPlace(Transfer transfer);

    /// <summary>A block has been read, or needs no read, and all transfers begun earlier have landed.</summary>
    void Land(Transfer transfer, in Transfer.Block block, Place place);

    /// <summary>The place is not needed any more.</summary>
    void Return(Transfer transfer, Place place);

    /// <summary>The last block has landed; nobody may see the transfer complete before.</summary>
    void End(Transfer transfer);
}
