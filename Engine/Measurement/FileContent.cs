using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NvStream.Compute;
using NvStream.Gguf;

namespace NvStream.Measurement;

/// <summary>What a file holds, as checksums of its pieces, learnt otherwise than by the route that is measured.</summary>
/// <param name="fill">Gives the file's bytes from an offset on; the memory is 4 KiB aligned.</param>
/// <param name="forget">Called with offset and length of a piece that has been read.</param>
sealed class FileContent(FileContent.Reader fill, Action<long, long>? forget = null)
{
    /// <summary>What the system may have read beyond what it was asked for.</summary>
    const long ReadAhead = 16 << 20;

    readonly Dictionary<(long Offset, long Bytes), ulong> _known = [];

    public delegate void Reader(Span<byte> memory, long offset);

    /// <summary>Of a scratch file: computed, not read.</summary>
    public static FileContent Of(ScratchPattern pattern) => new(pattern.Fill);

    /// <summary>Of a file: read through the page cache, which is emptied of it again.</summary>
    /// <exception cref="IOException">It cannot be read, or is shorter than it was.</exception>
    public static FileContent Of(SafeFileHandle handle) => new(Read(handle), (offset, bytes) => PageCache.Evict(handle, offset, bytes + ReadAhead));

    static Reader Read(SafeFileHandle handle) => (memory, offset) =>
    {
        for (var at = offset; memory.Length > 0;)
        {
            var got = RandomAccess.Read(handle, memory, at);
            if (got == 0)
            {
                throw new EndOfStreamException($"The file ends at byte {at}.");
            }

            memory = memory[got..];
            at += got;
        }
    };

    /// <summary><see cref="MemoryChecksum"/> of a piece.</summary>
    public unsafe ulong ChecksumOf(long offset, long bytes)
    {
        const int Part = 1 << 20;
        if (_known.TryGetValue((offset, bytes), out var sum))
        {
            return sum;
        }

        var memory = NativeMemory.AlignedAlloc(Part, FileExtent.Alignment);
        try
        {
            for (long done = 0; done < bytes; done += Part)
            {
                var part = new Span<byte>(memory, (int)Math.Min(Part, bytes - done));
                fill(part, offset + done);
                sum += MemoryChecksum.Of(part, done / sizeof(ulong));
            }
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }

        forget?.Invoke(offset, bytes);
        return _known[(offset, bytes)] = sum;
    }
}
