namespace NvStream.Storage;

/// <summary>A transfer on its way through a pump; used again for another.</summary>
sealed class PumpTurn
{
    public Transfer Transfer { get; private set; } = null!;

    /// <summary>Blocks read, and not landed because earlier transfers have not.</summary>
    public List<(Transfer.Block Block, Place Place)> Arrived { get; } = [];

    /// <summary>Blocks that have not landed, failed or been dropped.</summary>
    public int Unlanded { get; set; }

    /// <summary>Reads that were given up.</summary>
    public int Lost { get; set; }

    public bool IsChecked { get; set; }

    public void Begin(Transfer transfer)
    {
        Transfer = transfer;
        Unlanded = transfer.Unclaimed;
        Lost = 0;
        IsChecked = false;
    }
}
