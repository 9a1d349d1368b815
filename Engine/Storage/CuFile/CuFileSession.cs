using Microsoft.Win32.SafeHandles;

namespace NvStream.Storage.CuFile;

/// <summary>cuFile with the files that a route reads.</summary>
sealed class CuFileSession : ICuFile
{
    readonly CuFileDriver _driver;
    readonly List<RegisteredFile> _files = [];
    readonly Dictionary<nint, RegisteredMemory> _memory = [];

    CuFileSession(CuFileDriver driver) => _driver = driver;

    public string Version { get; } = CuFileDriver.Version(out _) ?? "unknown";

    /// <summary>The driver as it is open: its settings may be another's, who opened it before.</summary>
    public CuFileDriver Driver => _driver;

    /// <summary>Opens the driver, if need be, and registers the files. The GPU's context must be current on this thread.</summary>
    /// <param name="files">Opened with O_DIRECT. They stay the caller's.</param>
    /// <exception cref="CuFileException">There is no cuFile, or it cannot read one of the files.</exception>
    public static CuFileSession Open(IReadOnlyList<SafeFileHandle> files, CuFileSettings settings)
    {
        var session = new CuFileSession(CuFileDriver.Open(settings));
        try
        {
            foreach (var file in files)
            {
                session._files.Add(RegisteredFile.Register(session._driver, file));
            }

            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Reads of this size that may be in flight with the driver as it is open.</summary>
    public int MostInFlight(int blockSize) => _driver.Settings.MostInFlight(blockSize, _driver.HasOwnPool);

    public nint FileAt(int index) => _files[index].Value;

    public ICuFileBatch CreateBatch() => CuFileBatch.Create(_driver);

    public CuFileError Register(nint address, long bytes)
    {
        if (RegisteredMemory.TryRegister(_driver, address, bytes, out var error) is { } memory)
        {
            _memory[address] = memory;
        }

        return error;
    }

    public void Unregister(nint address)
    {
        if (_memory.Remove(address, out var memory))
        {
            memory.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var memory in _memory.Values)
        {
            memory.Dispose();
        }

        _memory.Clear();
        foreach (var file in _files)
        {
            file.Dispose();
        }

        _files.Clear();
        _driver.Dispose();
    }
}
