using NvStream.Storage.Uring;

namespace NvStream.Storage;

/// <summary>Which way this system has to keep many reads in flight.</summary>
static class ReadQueues
{
    /// <summary>For direct reads: io_uring, overlapped reads on Windows, or threads where there is nothing better.</summary>
    /// <param name="how">For the route's reason.</param>
    public static IReadQueue Open(StoredFiles files, int depth, out string how)
    {
        if (OperatingSystem.IsWindows())
        {
            how = FormattableString.Invariant($"{depth} overlapped in flight");
            return new OverlappedReads(files, depth);
        }

        if (files.IsServed)
        {
            how = FormattableString.Invariant($"on {depth} threads, because FUSE's short reads are not safe with io_uring");
            return OpenThreads(files, depth);
        }

        if (UringReads.TryOpen(files, depth, out var refusal) is { } ring)
        {
            how = FormattableString.Invariant($"{depth} in flight by io_uring");
            return ring;
        }

        how = FormattableString.Invariant($"on {depth} threads, because io_uring cannot be had: {refusal}");
        return OpenThreads(files, depth);
    }

    public static ThreadedReads OpenThreads(StoredFiles files, int depth) => new(files, depth);
}
