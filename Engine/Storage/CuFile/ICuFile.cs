namespace NvStream.Storage.CuFile;

/// <summary>What a queue of reads needs of cuFile; disposal gives back all of it.</summary>
interface ICuFile : IDisposable
{
    /// <summary>"1.15".</summary>
    string Version { get; }

    /// <summary>cuFile's handle of a file, by its index.</summary>
    nint FileAt(int index);

    /// <exception cref="CuFileException">No batch can be had.</exception>
    ICuFileBatch CreateBatch();

    CuFileError Register(nint address, long bytes);

    void Unregister(nint address);
}

/// <summary>One read at a time: the next only when the last has ended.</summary>
interface ICuFileBatch : IDisposable
{
    /// <summary>Starts a read, whose parameters are copied before this returns.</summary>
    CuFileError Submit(in CuFileRead read);

    /// <summary>Gives the read's end, once.</summary>
    /// <param name="happened">Null where it has not ended.</param>
    CuFileError GetStatus(out CuFileEvent? happened);

    /// <summary>Gives the read up; it still has to be waited for.</summary>
    CuFileError Cancel();
}
