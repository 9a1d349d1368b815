using System.Runtime.InteropServices;
using NvStream.Compute;

namespace NvStream.Storage.CuFile;

/// <summary>
/// cuFile's functions as cufile.h declares them. <see cref="EntryPointNotFoundException"/> where the library is older than
/// a function: statistics and parameters came with CUDA 12.9 and 13.
/// </summary>
static unsafe partial class CuFileNative
{
    const string Library = NativeLibraries.CuFile;

    [LibraryImport(Library, EntryPoint = "cuFileGetVersion")]
    public static partial CuFileError GetVersion(out int version);

    [LibraryImport(Library, EntryPoint = "cuFileDriverOpen")]
    public static partial CuFileError DriverOpen();

    /// <summary>The header gives this the name cuFileDriverClose.</summary>
    [LibraryImport(Library, EntryPoint = "cuFileDriverClose_v2")]
    public static partial CuFileError DriverClose();

    [LibraryImport(Library, EntryPoint = "cuFileDriverClose")]
    public static partial CuFileError DriverCloseFirst();

    [LibraryImport(Library, EntryPoint = "cuFileSetParameterSizeT")]
    public static partial CuFileError SetSize(CuFileSizeParameter parameter, nuint value);

    /// <param name="value">C's bool: one byte.</param>
    [LibraryImport(Library, EntryPoint = "cuFileSetParameterBool")]
    public static partial CuFileError SetSwitch(CuFileSwitch parameter, byte value);

    [LibraryImport(Library, EntryPoint = "cuFileSetParameterString", StringMarshalling = StringMarshalling.Utf8)]
    public static partial CuFileError SetText(CuFileTextParameter parameter, string value);

    /// <param name="sizes">KiB.</param>
    [LibraryImport(Library, EntryPoint = "cuFileSetParameterPosixPoolSlabArray")]
    public static partial CuFileError SetPosixPool(nuint* sizes, nuint* counts, int length);

    [LibraryImport(Library, EntryPoint = "cuFileHandleRegister")]
    public static partial CuFileError HandleRegister(out nint handle, CuFileDescriptor* descriptor);

    [LibraryImport(Library, EntryPoint = "cuFileHandleDeregister")]
    public static partial void HandleDeregister(nint handle);

    [LibraryImport(Library, EntryPoint = "cuFileBufRegister")]
    public static partial CuFileError BufferRegister(nint address, nuint bytes, int flags);

    [LibraryImport(Library, EntryPoint = "cuFileBufDeregister")]
    public static partial CuFileError BufferDeregister(nint address);

    [LibraryImport(Library, EntryPoint = "cuFileBatchIOSetUp")]
    public static partial CuFileError BatchSetUp(out nint batch, uint entries);

    [LibraryImport(Library, EntryPoint = "cuFileBatchIOSubmit")]
    public static partial CuFileError BatchSubmit(nint batch, uint count, CuFileRead* reads, uint flags);

    /// <param name="count">In: events that there is room for; out: events given.</param>
    [LibraryImport(Library, EntryPoint = "cuFileBatchIOGetStatus")]
    public static partial CuFileError BatchGetStatus(nint batch, uint least, uint* count, CuFileEvent* events, TimeSpec* timeout);

    /// <summary>Rests for less than the runtime's millisecond.</summary>
    public static void Pause(uint microseconds)
    {
        if (OperatingSystem.IsWindows())
        {
            Thread.Sleep(1);
        }
        else
        {
            _ = Sleep(microseconds);
        }
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);

    [LibraryImport(Library, EntryPoint = "cuFileBatchIOCancel")]
    public static partial CuFileError BatchCancel(nint batch);

    [LibraryImport(Library, EntryPoint = "cuFileBatchIODestroy")]
    public static partial void BatchDestroy(nint batch);

    [LibraryImport(Library, EntryPoint = "cuFileSetStatsLevel")]
    public static partial CuFileError SetStatsLevel(int level);

    [LibraryImport(Library, EntryPoint = "cuFileStatsStart")]
    public static partial CuFileError StatsStart();

    [LibraryImport(Library, EntryPoint = "cuFileStatsStop")]
    public static partial CuFileError StatsStop();

    /// <param name="statistics">CUfileStatsLevel3_t, some 5000 bytes.</param>
    [LibraryImport(Library, EntryPoint = "cuFileGetStatsL3")]
    public static partial CuFileError GetStatsLevel3(byte* statistics);
}
