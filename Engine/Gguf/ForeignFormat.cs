using System.Buffers.Binary;

namespace NvStream.Gguf;

/// <summary>Recognises what is often taken for a GGUF: another format under its name, or a failed download.</summary>
static class ForeignFormat
{
    /// <summary>What a file looks like by its first bytes, or null.</summary>
    public static string? Describe(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("PK\u0003\u0004"u8))
        {
            return "a ZIP archive, such as a PyTorch checkpoint";
        }

        if (start.Length > 8 && start[8] == '{' && BinaryPrimitives.ReadUInt64LittleEndian(start) < 1 << 30)
        {
            return "a safetensors file";
        }

        if (start is [0x80, 2 or 3 or 4, ..])
        {
            return "a Python pickle, such as an old PyTorch checkpoint";
        }

        if (start.StartsWith("lmgg"u8) || start.StartsWith("fmgg"u8) || start.StartsWith("tjgg"u8))
        {
            return "a model in the GGML format that came before GGUF";
        }

        if (start.StartsWith("version https://git-lfs"u8))
        {
            return "a Git LFS pointer: the file itself was not fetched (git lfs pull)";
        }

        if (start.StartsWith("<!"u8) || start.StartsWith("<html"u8))
        {
            return "a web page, perhaps a download site's error";
        }

        if (start is [0x1F, 0x8B, ..] or [0x28, 0xB5, 0x2F, 0xFD, ..] or [0xFD, (byte)'7', (byte)'z', ..])
        {
            return "a compressed file";
        }

        if (start.StartsWith("{"u8))
        {
            return "JSON text";
        }

        return start is [0, 0, 0, 0, ..] ? "an unfinished download: it begins with zeros" : null;
    }
}
