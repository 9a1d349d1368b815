using System.Runtime.InteropServices;

namespace NvStream.Storage.CuFile;

/// <summary>cuFile's batch: a handle that is set up once and used again and again.</summary>
sealed unsafe class CuFileBatch : CuFileHandle, ICuFileBatch
{
    // The library is given the same memory from a submission until its last read has ended.
    readonly CuFileRead* _reads;
    readonly int _entries;

    CuFileBatch(CuFileDriver driver, nint value, int entries)
        : base(driver, value)
    {
        _entries = entries;
        _reads = (CuFileRead*)NativeMemory.AllocZeroed((nuint)entries, (nuint)sizeof(CuFileRead));
    }

    /// <exception cref="CuFileException">No batch can be had.</exception>
    public static CuFileBatch Create(CuFileDriver driver, int entries)
    {
        var error = CuFileNative.BatchSetUp(out var value, (uint)entries);
        return error.IsSuccess ? new(driver, value, entries) : throw CuFileException.From(error, "cuFileBatchIOSetUp");
    }

    public CuFileError Submit(ReadOnlySpan<CuFileRead> reads)
    {
        reads.CopyTo(new(_reads, _entries));
        return CuFileNative.BatchSubmit(Value, (uint)reads.Length, _reads, flags: 0);
    }

    public CuFileError GetStatus(int least, Span<CuFileEvent> events, TimeSpan wait, out int count)
    {
        var given = (uint)events.Length;
        var timeout = TimeSpec.Of(wait);
        fixed (CuFileEvent* first = events)
        {
            var error = CuFileNative.BatchGetStatus(Value, (uint)least, &given, first, &timeout);
            count = error.IsSuccess ? (int)Math.Min(given, (uint)events.Length) : 0;
            return error;
        }
    }

    public CuFileError Cancel() => CuFileNative.BatchCancel(Value);

    protected override void Release(nint value)
    {
        CuFileNative.BatchDestroy(value);
        NativeMemory.Free(_reads);
    }
}
