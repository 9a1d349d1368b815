namespace NvStream.Gguf;

/// <summary>A file that is not there, not a GGUF, cut short, or of a version this reader does not know.</summary>
public sealed class GgufException : NvStreamException
{
    GgufException(string errorId, string message, string remedy, Exception? inner = null)
        : base(errorId, message, remedy, inner)
    {
    }

    public static GgufException NotFound(string path, Exception? inner = null) => new(
        "GgufNotFound", $"No file at '{path}'.", "Check the path; for a split set name its first file.", inner);

    /// <summary>The file is there but cannot be opened: no permission, a directory, an error of the file system.</summary>
    public static GgufException CannotOpen(string path, string why, Exception? inner = null) => new(
        "GgufNotFound", $"'{path}' cannot be opened: {why.TrimEnd('.')}.", "Name a regular file that you may read.", inner);

    public static GgufException Invalid(string path, string what) => new(
        "GgufInvalid", $"'{path}' is not a valid GGUF: {what}.",
        "Download or convert the file again and compare its checksum.");

    /// <param name="path">The file.</param>
    /// <param name="offset">Byte offset of the field that is wrong.</param>
    /// <param name="what">What was seen and what was expected.</param>
    public static GgufException Invalid(string path, long offset, string what) => new(
        "GgufInvalid", $"'{path}' is not a valid GGUF: {what} (at byte {offset}).",
        "Download or convert the file again and compare its checksum.");

    public static GgufException Truncated(string path, long offset, long needed, long length) => new(
        "GgufTruncated", $"'{path}' ends at byte {length}, but {needed} bytes are needed at byte {offset}.",
        "The download or copy was cut short: fetch the file again.");

    public static GgufException VersionUnsupported(string path, uint version, string why) => new(
        "GgufVersionUnsupported", $"'{path}': GGUF version {version} cannot be read: {why}.",
        "Convert the model with a current converter to little-endian GGUF version 3.");

    /// <summary>The system reported an error while bytes that the file should hold were read.</summary>
    public static GgufException ReadFailed(string path, long offset, long expected, Exception inner) => new(
        "StorageReadFailed", $"'{path}': reading {expected} bytes at byte {offset} failed: {inner.Message}",
        "Check the disk, the file system and their logs.", inner);

    /// <summary>A model file could not be written; what was written of it has been removed.</summary>
    public static GgufException WriteFailed(string path, string why, Exception? inner = null) => new(
        "GgufWriteFailed", $"'{path}' could not be written: {why.TrimEnd('.')}.",
        "Check the folder, its permissions and the free space.", inner);
}
