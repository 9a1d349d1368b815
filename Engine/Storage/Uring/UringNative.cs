using System.Runtime.InteropServices;

namespace NvStream.Storage.Uring;

/// <summary>The three system calls of io_uring and the structures they take (linux/io_uring.h).</summary>
static unsafe partial class UringNative
{
    public const int FeatureSingleMap = 1 << 0;

    /// <summary>Waits with a time limit: Linux 5.11.</summary>
    public const int FeatureExtendedArgument = 1 << 8;

    public const long SubmissionOffset = 0;
    public const long CompletionOffset = 0x8000000;
    public const long EntriesOffset = 0x10000000;

    public const byte Nop = 0;
    public const byte ReadFixed = 4;
    public const byte AsyncCancel = 14;
    public const byte Read = 22;

    /// <summary>The kernel starts the operation on a thread of its own.</summary>
    public const byte OnWorker = 1 << 4;

    public const int RegisterBuffers = 0;
    public const int UnregisterBuffers = 1;

    public const int Interrupted = 4;
    public const int TryAgain = 11;
    public const int Busy = 16;
    public const int TimerExpired = 62;

    const uint GetEvents = 1;
    const uint ExtendedArgument = 8;

    // The same numbers on x86-64, Arm64 and all later architectures.
    const nint SetupCall = 425;
    const nint EnterCall = 426;
    const nint RegisterCall = 427;

    /// <summary>The ring's descriptor; the error number, negative, where it was refused.</summary>
    public static int Setup(uint entries, ref Parameters parameters)
    {
        fixed (Parameters* p = &parameters)
        {
            return Result(Call(SetupCall, (nint)entries, (nint)p, 0, 0, 0, 0));
        }
    }

    /// <summary>Hands over entries; returns how many were taken.</summary>
    public static int Submit(int ring, uint count) => Result(Call(EnterCall, ring, (nint)count, 0, 0, 0, 0));

    /// <summary>Waits for one completion.</summary>
    public static int Wait(int ring, TimeSpan limit)
    {
        var time = new TimeSpec { Seconds = (long)limit.TotalSeconds, Nanoseconds = limit.Ticks % TimeSpan.TicksPerSecond * 100 };
        var argument = new WaitArgument { Time = (ulong)(nint)(&time) };
        return Result(Call(EnterCall, ring, 0, 1, (nint)(GetEvents | ExtendedArgument), (nint)(&argument), sizeof(WaitArgument)));
    }

    public static int Register(int ring, int operation, void* argument, int count) =>
        Result(Call(RegisterCall, ring, operation, (nint)argument, count, 0, 0));

    static int Result(nint value) => value >= 0 ? (int)value : -Marshal.GetLastPInvokeError();

    [StructLayout(LayoutKind.Sequential)]
    public struct Parameters
    {
        public uint SubmissionEntries;
        public uint CompletionEntries;
        public uint Flags;
        public uint ThreadProcessor;
        public uint ThreadIdle;
        public uint Features;
        public uint WorkerRing;
        public fixed uint Reserved[3];
        public SubmissionOffsets Submission;
        public CompletionOffsets Completion;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct SubmissionOffsets
    {
        public uint Head;
        public uint Tail;
        public uint Mask;
        public uint Entries;
        public uint Flags;
        public uint Dropped;
        public uint Array;
        public uint Reserved;
        public ulong UserAddress;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct CompletionOffsets
    {
        public uint Head;
        public uint Tail;
        public uint Mask;
        public uint Entries;
        public uint Overflow;
        public uint Completions;
        public uint Flags;
        public uint Reserved;
        public ulong UserAddress;
    }

    [StructLayout(LayoutKind.Explicit, Size = 64)]
    public struct Entry
    {
        [FieldOffset(0)]
        public byte Operation;
        [FieldOffset(1)]
        public byte Flags;
        [FieldOffset(4)]
        public int File;
        [FieldOffset(8)]
        public ulong Offset;
        [FieldOffset(16)]
        public ulong Address;
        [FieldOffset(24)]
        public uint Length;
        [FieldOffset(32)]
        public ulong UserData;
        [FieldOffset(40)]
        public ushort Buffer;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Completion
    {
        public ulong UserData;

        /// <summary>Bytes, or the error number, negative.</summary>
        public int Result;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Buffer
    {
        public nint Address;
        public nint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct WaitArgument
    {
        public ulong SignalMask;
        public uint SignalMaskSize;
        public uint Reserved;
        public ulong Time;
    }

    // Variadic in C; a call with integers alone passes them alike on the architectures in use.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint a, nint b, nint c, nint d, nint e, nint f);
}
