using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Storage.CuFile;

/// <summary>Something registered with cuFile's driver, which stays open as long as this.</summary>
abstract class CuFileHandle : SafeHandle
{
    readonly CuFileDriver _driver;

    protected CuFileHandle(CuFileDriver driver, nint value)
        : base(0, ownsHandle: true)
    {
        _driver = driver.Share();
        SetHandle(value);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The library's own pointer.</summary>
    /// <exception cref="ObjectDisposedException">The handle was released.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    protected sealed override bool ReleaseHandle()
    {
        Release(handle);
        _driver.Dispose();
        return true;
    }

    protected abstract void Release(nint value);
}

/// <summary>A file that cuFile reads.</summary>
sealed unsafe class RegisteredFile : CuFileHandle
{
    readonly SafeFileHandle _file;

    RegisteredFile(CuFileDriver driver, nint value, SafeFileHandle file)
        : base(driver, value) => _file = file;

    /// <param name="file">Opened with O_DIRECT. Stays the caller's, and open as long as this.</param>
    /// <exception cref="CuFileException">The file cannot be read by cuFile.</exception>
    public static RegisteredFile Register(CuFileDriver driver, SafeFileHandle file)
    {
        var isHeld = false;
        file.DangerousAddRef(ref isHeld);
        try
        {
            var descriptor = new CuFileDescriptor
            {
                Type = CuFileDescriptor.FileDescriptorType,
                FileDescriptor = (int)file.DangerousGetHandle(),
            };
            var error = CuFileNative.HandleRegister(out var value, &descriptor);
            if (!error.IsSuccess)
            {
                var remedy = error.Code == CuFileCode.HandleNotRegistered ? UdevData.Remedy(file) : null;
                throw CuFileException.From(error, "cuFileHandleRegister", remedy);
            }

            return new(driver, value, file);
        }
        catch
        {
            file.DangerousRelease();
            throw;
        }
    }

    protected override void Release(nint value)
    {
        CuFileNative.HandleDeregister(value);
        _file.DangerousRelease();
    }
}

/// <summary>Memory that many reads lead into.</summary>
sealed class RegisteredMemory : CuFileHandle
{
    RegisteredMemory(CuFileDriver driver, nint address)
        : base(driver, address)
    {
    }

    /// <summary>Null with the error where cuFile refuses; reads into it work all the same, by buffers of cuFile's own.</summary>
    public static RegisteredMemory? TryRegister(CuFileDriver driver, nint address, long bytes, out CuFileError error)
    {
        error = CuFileNative.BufferRegister(address, (nuint)bytes, flags: 0);
        return error.IsSuccess ? new(driver, address) : null;
    }

    protected override void Release(nint value) => _ = CuFileNative.BufferDeregister(value);
}
