namespace NvStream.Storage.CuFile;

/// <summary>Whether reads went straight from the disk into the card's memory.</summary>
/// <param name="Reason">What was counted, or why nothing could be; a clause, without a full stop.</param>
/// <param name="Remedy">What would make a direct path, or a proof of one, possible; null where there is one.</param>
readonly record struct DirectPathVerdict(bool IsDirect, string Reason, string? Remedy);

/// <summary>What is counted at one moment, by cuFile and by nvidia-fs; null where there is no count.</summary>
sealed record DirectPathCounts(CuFileStatistics? CuFile, NvidiaFsStatistics? Module);

/// <summary>
/// Tells by counters, before and after a probe's reads, which way they went. That cuFile reported success proves nothing:
/// in compatibility mode, into which it falls without a word, it does too.
/// </summary>
sealed class DirectPathProof : IDisposable
{
    const string GetModule = "Load the nvidia-fs module (package nvidia-gds), on a file system and GPU that GPUDirect Storage supports.";

    readonly NvidiaFs _module;
    readonly bool _isCounting;
    readonly DirectPathCounts _before;

    DirectPathProof(NvidiaFs module, bool isCounting)
    {
        (_module, _isCounting) = (module, isCounting);
        _before = Counts();
    }

    /// <summary>Before the probe's reads; cuFile's driver must be open.</summary>
    /// <param name="root">In place of "/", for recorded trees.</param>
    public static DirectPathProof Begin(string root = "/") => new(new(root), CuFileStatistics.TryStart());

    /// <summary>After the probe's reads.</summary>
    /// <param name="reads">How many there were, all into GPU memory.</param>
    /// <param name="bytes">Bytes of all of them.</param>
    public DirectPathVerdict Judge(int reads, long bytes) => Judge(_before, Counts(), reads, bytes, _module.IsLoaded, _module.HasDevices);

    public void Dispose()
    {
        if (_isCounting)
        {
            CuFileStatistics.Stop();
        }
    }

    /// <summary>The judgement alone.</summary>
    public static DirectPathVerdict Judge(DirectPathCounts before, DirectPathCounts after, int reads, long bytes, bool isLoaded, bool hasDevices)
    {
        if (before.CuFile is { } first && after.CuFile is { } last && first != last)
        {
            var (peer, module, posix) = (last.PeerToPeer - first.PeerToPeer, last.NvidiaFs - first.NvidiaFs, last.Posix - first.Posix);
            return (peer + module, posix) switch
            {
                ( > 0, 0) => new(true, module > 0 ? Counted(module, "nvidia-fs") : Counted(peer, "peer-to-peer DMA"), null),
                (0, > 0) => new(false, Invariant($"cuFile's own count has {posix} reads by host memory and none past it{Absent(isLoaded, hasDevices)}"), GetModule),
                _ => new(false, Invariant($"cuFile's own count has {peer + module} reads straight into GPU memory and {posix} by host memory"), GetModule),
            };
        }

        if (before.Module is { } then && after.Module is { } now)
        {
            if (!now.CountsReads)
            {
                return new(
                    false, "nvidia-fs is loaded and does not count reads, so that nothing shows which way they went",
                    $"Write 1 to {NvidiaFs.CountingSwitch}.");
            }

            // Other processes count too: fewer are a refutation, as many the best that can be had of it.
            var (done, mebibytes) = (now.Reads - then.Reads, now.ReadMiB - then.ReadMiB);
            return done >= 1 && mebibytes >= bytes >> 20
                ? new(true, Counted(done, "nvidia-fs"), null)
                : new(
                    false, Invariant($"nvidia-fs counted {done} reads of {mebibytes} MiB where {reads} of {bytes >> 20} MiB were made"),
                    "Check with gdscheck -p that the file system and the GPU are supported.");
        }

        return new(false, "nothing shows a direct path" + Absent(isLoaded, hasDevices), GetModule);
    }

    DirectPathCounts Counts() => new(_isCounting ? CuFileStatistics.Read() : null, _module.Statistics());

    static string Counted(long reads, string by) => Invariant($"{reads} reads of the probe went by {by}");

    static string Absent(bool isLoaded, bool hasDevices) =>
        !isLoaded ? "; nvidia-fs is not loaded" : !hasDevices ? "; nvidia-fs is loaded, but there is no /dev/nvidia-fs*" : "";

    static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
