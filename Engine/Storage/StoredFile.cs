using Microsoft.Win32.SafeHandles;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>A file that a route reads from.</summary>
/// <param name="Path">Full path.</param>
/// <param name="Length">Bytes when it was opened.</param>
/// <param name="Handle">Open for reading; it says which file is meant even when another takes the path. Stays the caller's.</param>
public sealed record StoredFile(string Path, long Length, SafeFileHandle Handle)
{
    /// <summary>The files of a model, in the order of its shards.</summary>
    public static IReadOnlyList<StoredFile> Of(GgufFile file) => [.. file.Shards.Select(s => new StoredFile(s.Path, s.Length, s.Handle))];
}
