namespace NvStream.Storage.CuFile;

/// <summary>What a queue of reads needs of cuFile; disposal gives back all of it.</summary>
interface ICuFile : IDisposable
{
    /// <summary>"1.15".</summary>
    string Version { get; }

    /// <summary>cuFile's handle of a file, by its index.</summary>
    nint FileAt(int index);

    /// <exception cref="CuFileException">No batch can be had.</exception>
    ICuFileBatch CreateBatch(int entries);

    CuFileError Register(nint address, long bytes);

    void Unregister(nint address);
}

/// <summary>Reads that are started together; the next ones only when all of them have ended.</summary>
interface ICuFileBatch : IDisposable
{
    /// <summary>Starts at most as many reads as the batch has entries; copied before this returns.</summary>
    CuFileError Submit(ReadOnlySpan<CuFileRead> reads);

    /// <summary>Gives reads that ended, each once, in any order.</summary>
    /// <param name="least">How many to wait for.</param>
    /// <param name="wait">At most so long.</param>
    /// <param name="count">Events given.</param>
    CuFileError GetStatus(int least, Span<CuFileEvent> events, TimeSpan wait, out int count);

    /// <summary>Gives up what has not ended; it still has to be waited for.</summary>
    CuFileError Cancel();
}
