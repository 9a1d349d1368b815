using System.Runtime.InteropServices;

namespace NvStream.Storage.CuFile;

/// <summary>cuFile's batch of one read: a handle that is set up once and used again and again.</summary>
sealed unsafe class CuFileBatch : CuFileHandle, ICuFileBatch
{
    // The library is given the same memory from a submission until the read has ended.
    readonly CuFileRead* _read;

    CuFileBatch(CuFileDriver driver, nint value)
        : base(driver, value) => _read = (CuFileRead*)NativeMemory.AllocZeroed((nuint)sizeof(CuFileRead));

    /// <exception cref="CuFileException">No batch can be had.</exception>
    public static CuFileBatch Create(CuFileDriver driver)
    {
        var error = CuFileNative.BatchSetUp(out var value, entries: 1);
        return error.IsSuccess ? new(driver, value) : throw CuFileException.From(error, "cuFileBatchIOSetUp");
    }

    public CuFileError Submit(in CuFileRead read)
    {
        *_read = read;
        return CuFileNative.BatchSubmit(Value, 1, _read, flags: 0);
    }

    public CuFileError GetStatus(out CuFileEvent? happened)
    {
        var timeout = default(TimeSpec);
        var count = 1u;
        var first = default(CuFileEvent);
        var error = CuFileNative.BatchGetStatus(Value, least: 0, &count, &first, &timeout);
        happened = error.IsSuccess && count > 0 ? first : null;
        return error;
    }

    public CuFileError Cancel() => CuFileNative.BatchCancel(Value);

    protected override void Release(nint value)
    {
        CuFileNative.BatchDestroy(value);
        NativeMemory.Free(_read);
    }
}
