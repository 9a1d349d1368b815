using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Storage.Uring;

/// <summary>A ring and its three mappings, which it shares with the kernel.</summary>
sealed unsafe partial class UringHandle : SafeHandleMinusOneIsInvalid
{
    const int ReadWrite = 3;
    const int SharedPopulated = 0x8001;

    nint _submission;
    nint _completion;
    nint _entries;
    nuint _submissionBytes;
    nuint _completionBytes;
    nuint _entriesBytes;

    UringHandle(int ring)
        : base(ownsHandle: true) => SetHandle(ring);

    public UringNative.Parameters Layout { get; private set; }

    public int Ring => (int)handle;

    public byte* Submission => (byte*)_submission;

    public byte* Completion => (byte*)_completion;

    public UringNative.Entry* Entries => (UringNative.Entry*)_entries;

    /// <summary>Null with the reason where the system refuses.</summary>
    public static UringHandle? TryCreate(int entries, out string refusal)
    {
        refusal = "";
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            refusal = "this system has none";
            return null;
        }

        var layout = default(UringNative.Parameters);
        var ring = UringNative.Setup((uint)entries, ref layout);
        if (ring < 0)
        {
            refusal = Marshal.GetPInvokeErrorMessage(-ring);
            return null;
        }

        var created = new UringHandle(ring) { Layout = layout };
        const int Needed = UringNative.FeatureExtendedArgument | UringNative.FeatureSingleMap;
        if ((layout.Features & Needed) != Needed)
        {
            refusal = "it needs Linux 5.11";
        }
        else if (!created.Map())
        {
            refusal = $"its rings could not be mapped ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())})";
        }
        else
        {
            return created;
        }

        created.Dispose();
        return null;
    }

    protected override bool ReleaseHandle()
    {
        Unmap(_entries, _entriesBytes);
        Unmap(_submission, _submissionBytes);
        return Close((int)handle) == 0;
    }

    bool Map()
    {
        var layout = Layout;
        _submissionBytes = layout.Submission.Array + layout.SubmissionEntries * sizeof(uint);
        _completionBytes = layout.Completion.Completions + layout.CompletionEntries * (nuint)sizeof(UringNative.Completion);

        // One mapping holds both rings.
        _submissionBytes = nuint.Max(_submissionBytes, _completionBytes);
        _entriesBytes = layout.SubmissionEntries * (nuint)sizeof(UringNative.Entry);
        return TryMap(_submissionBytes, UringNative.SubmissionOffset, out _submission)
            && TryMap(_entriesBytes, UringNative.EntriesOffset, out _entries)
            && (_completion = _submission) != 0;
    }

    bool TryMap(nuint bytes, long offset, out nint address)
    {
        var mapped = MemoryMap(0, bytes, ReadWrite, SharedPopulated, Ring, (nint)offset);
        address = mapped == -1 ? 0 : mapped;
        return address != 0;
    }

    static void Unmap(nint address, nuint bytes)
    {
        if (address != 0)
        {
            _ = MemoryUnmap(address, bytes);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MemoryMap(nint hint, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MemoryUnmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
