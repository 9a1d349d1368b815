using System.Globalization;
using NvStream.Compute;

namespace NvStream.Storage.CuFile;

/// <summary>
/// A share in cuFile's driver, of which a process has one: the first opens it with its settings, the last to go closes it.
/// Opening takes half a second.
/// </summary>
sealed unsafe class CuFileDriver : IDisposable
{
    static readonly Lock Gate = new();
    static int shares;
    static CuFileSettings? inForce;
    static bool hasOwnPool;
    static IReadOnlyList<string> remarks = [];

    int _isDisposed;

    CuFileDriver(CuFileSettings settings, bool hasPool, IReadOnlyList<string> notes) =>
        (Settings, HasOwnPool, Remarks) = (settings, hasPool, notes);

    /// <summary>What the driver was opened with, by whoever came first.</summary>
    public CuFileSettings Settings { get; }

    /// <summary>Whether compatibility mode has the buffers that the settings ask for.</summary>
    public bool HasOwnPool { get; }

    /// <summary>Settings that the library did not take, for the log.</summary>
    public IReadOnlyList<string> Remarks { get; }

    /// <summary>"1.15", without opening the driver; null with the reason where there is no cuFile. Never throws.</summary>
    public static string? Version(out string reason)
    {
        reason = "";
        if (!OperatingSystem.IsLinux())
        {
            reason = "cuFile is there on Linux only";
            return null;
        }

        var search = NativeLibraries.Load(NativeLibraries.CuFile);
        if (!search.IsFound)
        {
            reason = "libcufile could not be loaded; tried " + string.Join(", ", search.Tried);
            return null;
        }

        try
        {
            var error = CuFileNative.GetVersion(out var version);
            return error.IsSuccess
                ? string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}")
                : "unknown";
        }
        catch (EntryPointNotFoundException)
        {
            // Older than the function.
            return "unknown";
        }
    }

    /// <summary>Opens the driver, or takes a share of it as it is open. A CUDA context must be current on this thread.</summary>
    /// <exception cref="CuFileException">There is no cuFile, or it could not be opened.</exception>
    public static CuFileDriver Open(CuFileSettings settings)
    {
        if (Version(out var reason) is null)
        {
            throw new CuFileException(reason, "Install libcufile (the package of GPUDirect Storage of the CUDA toolkit), or use -Route HostStaged or Auto.");
        }

        lock (Gate)
        {
            if (shares == 0)
            {
                var notes = new List<string>();
                hasOwnPool = Apply(settings, notes);
                var error = CuFileNative.DriverOpen();
                if (!error.IsSuccess && error.Code != CuFileCode.DriverAlreadyOpen)
                {
                    throw CuFileException.From(error, "cuFileDriverOpen");
                }

                (inForce, remarks) = (settings, notes);
            }

            shares++;
            return new(inForce!, hasOwnPool, remarks);
        }
    }

    /// <summary>Another share of the same.</summary>
    public CuFileDriver Share()
    {
        ObjectDisposedException.ThrowIf(_isDisposed != 0, this);
        lock (Gate)
        {
            shares++;
        }

        return new(Settings, HasOwnPool, Remarks);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        lock (Gate)
        {
            if (--shares > 0)
            {
                return;
            }

            try
            {
                _ = CuFileNative.DriverClose();
            }
            catch (EntryPointNotFoundException)
            {
                _ = CuFileNative.DriverCloseFirst();
            }
        }
    }

    /// <summary>Returns whether compatibility mode gets its buffers.</summary>
    static bool Apply(CuFileSettings settings, List<string> notes)
    {
        Set("allow_compat_mode", () => CuFileNative.SetSwitch(CuFileSwitch.AllowCompatMode, settings.AllowsCompat ? (byte)1 : (byte)0));
        Set("max_io_threads", () => CuFileNative.SetSize(CuFileSizeParameter.MaxIoThreads, (nuint)settings.Threads));
        Set("min_io_threshold_size_kb", () => CuFileNative.SetSize(CuFileSizeParameter.MinIoThresholdKiB, 1024));
        if (settings.UsesPeerToPeer)
        {
            Set("use_pci_p2pdma", () => CuFileNative.SetSwitch(CuFileSwitch.UsePciP2pDma, 1));
        }

        if (settings.SeeksDirectPath && settings.BlockSize > CuFileSettings.PoolBufferBytes)
        {
            Set("per_buffer_cache_size_kb", () => CuFileNative.SetSize(CuFileSizeParameter.PerBufferCacheKiB, (nuint)(settings.BlockSize / 1024)));
        }

        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CUFILE_LOGFILE_PATH")))
        {
            // Otherwise it writes to the current folder, which is the user's.
            Set("logging.dir", () => CuFileNative.SetText(CuFileTextParameter.LogFolder, Path.GetTempPath()));
        }

        return Set("posix_pool_slab", () => SetPool(settings.PosixPool));

        bool Set(string name, Func<CuFileError> set)
        {
            CuFileError error;
            try
            {
                error = set();
            }
            catch (EntryPointNotFoundException)
            {
                error = new(CuFileCode.MissingEntryPoint, 0);
            }

            if (!error.IsSuccess)
            {
                notes.Add($"{name} stays as it is: {CuFileCodes.Meaning(error)}");
            }

            return error.IsSuccess;
        }
    }

    static CuFileError SetPool((int KiB, int Count)[] pool)
    {
        var sizes = stackalloc nuint[pool.Length];
        var counts = stackalloc nuint[pool.Length];
        for (var i = 0; i < pool.Length; i++)
        {
            (sizes[i], counts[i]) = ((nuint)pool[i].KiB, (nuint)pool[i].Count);
        }

        return CuFileNative.SetPosixPool(sizes, counts, pool.Length);
    }
}
