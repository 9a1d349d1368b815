using System.Runtime.InteropServices;

namespace NvStream.Tests.Storage;

/// <summary>A seccomp filter on the calling thread and those that it starts (linux/seccomp.h, linux/filter.h): it stays until they end.</summary>
static unsafe partial class SystemCallFilter
{
    /// <summary>Makes io_uring_setup fail with EPERM; returns why that could not be done, or null.</summary>
    public static string? RefuseIoUring()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "this is not Linux";
        }

        const int NoNewPrivileges = 38;
        const int SetSystemCallFilter = 22;
        const nint ModeFilter = 2;
        var program = stackalloc Instruction[]
        {
            new() { Code = 0x20 },
            new() { Code = 0x15, IfFalse = 1, Operand = 425 },
            new() { Code = 0x06, Operand = 0x00050001 },
            new() { Code = 0x06, Operand = 0x7FFF0000 },
        };
        var described = new Program { Length = 4, Instructions = program };
        return Control(NoNewPrivileges, 1, 0, 0, 0) == 0 && Control(SetSystemCallFilter, ModeFilter, (nint)(&described), 0, 0) == 0
            ? null
            : Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Instruction
    {
        public ushort Code;
        public byte IfTrue;
        public byte IfFalse;
        public uint Operand;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct Program
    {
        public ushort Length;
        public Instruction* Instructions;
    }

    // Variadic in C; a call with integers alone passes them alike on the architectures in use.
    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nint a, nint b, nint c, nint d);
}
