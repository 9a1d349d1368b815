using System.Runtime.InteropServices;

namespace NvStream.Storage.CuFile;

/// <summary>CUfileError_t: what nearly every call answers, by value.</summary>
/// <param name="Code">0, or 5001 and up.</param>
/// <param name="Cuda">The CUDA driver's answer, where the code says that it was the one to fail.</param>
[StructLayout(LayoutKind.Sequential)]
readonly record struct CuFileError(CuFileCode Code, int Cuda)
{
    public bool IsSuccess => Code == CuFileCode.Success;
}

/// <summary>CUfileDescr_t.</summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
struct CuFileDescriptor
{
    /// <summary>CU_FILE_HANDLE_TYPE_OPAQUE_FD.</summary>
    public const int FileDescriptorType = 1;

    [FieldOffset(0)]
    public int Type;

    [FieldOffset(8)]
    public int FileDescriptor;

    [FieldOffset(16)]
    public nint FileSystemOperations;
}

/// <summary>CUfileIOParams_t: a read of a batch.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
struct CuFileRead
{
    /// <summary>CUFILE_BATCH.</summary>
    public const int BatchMode = 1;

    /// <summary>CUFILE_READ.</summary>
    public const int ReadOperation = 0;

    [FieldOffset(0)]
    public int Mode;

    /// <summary>Of registered memory its first address, else the address itself.</summary>
    [FieldOffset(8)]
    public nint MemoryBase;

    [FieldOffset(16)]
    public long FileOffset;

    [FieldOffset(24)]
    public long MemoryOffset;

    [FieldOffset(32)]
    public nuint Bytes;

    [FieldOffset(40)]
    public nint File;

    [FieldOffset(48)]
    public int Operation;

    /// <summary>Comes back with the read's event.</summary>
    [FieldOffset(56)]
    public long Cookie;
}

/// <summary>CUfileIOEvents_t: a read of a batch that ended.</summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
struct CuFileEvent
{
    [FieldOffset(0)]
    public long Cookie;

    [FieldOffset(8)]
    public CuFileStatus Status;

    /// <summary>Bytes read; negative where the read failed. Only of use where it completed.</summary>
    [FieldOffset(16)]
    public long Result;
}

/// <summary>CUfileStatus_t.</summary>
enum CuFileStatus
{
    Waiting = 1,
    Pending = 2,
    Invalid = 4,
    Canceled = 8,
    Complete = 0x10,
    TimedOut = 0x20,
    Failed = 0x40,
}

/// <summary>struct timespec of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
struct TimeSpec
{
    public long Seconds;
    public long Nanoseconds;
}

/// <summary>CUFileSizeTConfigParameter_t.</summary>
enum CuFileSizeParameter
{
    MaxIoThreads = 2,
    MinIoThresholdKiB = 3,
    MaxRequestParallelism = 4,
    MaxDirectIoKiB = 5,
    PerBufferCacheKiB = 7,
}

/// <summary>CUFileBoolConfigParameter_t.</summary>
enum CuFileSwitch
{
    AllowCompatMode = 1,
    ForceCompatMode = 2,
    ParallelIo = 4,
    UsePciP2pDma = 7,
}

/// <summary>CUFileStringConfigParameter_t.</summary>
enum CuFileTextParameter
{
    LogFolder = 2,
}
