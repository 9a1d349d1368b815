using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Benchmarks.Seventy;

/// <summary>
/// What the disk gives without the engine: a few threads, each of which reads a block directly, then the next one. The
/// blocks follow each other in the file, from a place that is another every time.
/// </summary>
sealed unsafe partial class DiskReads : IDisposable
{
    const int BlockBytes = 4 << 20;
    const int ThreadCount = 8;
    const int HugePage = 2 << 20;
    const int AdviceHugePages = 14;

    readonly SafeFileHandle _handle;
    readonly long _blocks;
    readonly byte* _memory;
    long _next;

    /// <exception cref="BenchmarkException">The file cannot be read directly.</exception>
    public DiskReads(string path)
    {
        const int closeOnExec = 0x80000;
        var direct = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;
        _handle = new(Open(path, closeOnExec | direct), ownsHandle: true);
        if (_handle.IsInvalid)
        {
            throw new BenchmarkException($"'{path}' cannot be opened for direct reads");
        }

        _blocks = RandomAccess.GetLength(_handle) / BlockBytes;
        _next = Random.Shared.NextInt64(_blocks);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)ThreadCount * BlockBytes, HugePage);
        _ = Advise(_memory, (nuint)ThreadCount * BlockBytes, AdviceHugePages);
        new Span<byte>(_memory, ThreadCount * BlockBytes).Clear();
    }

    public static string Description => $"plain direct reads, {BlockBytes >> 20} MiB x {ThreadCount}";

    /// <summary>Bytes per second.</summary>
    public double Run(long bytes)
    {
        var end = _next + bytes / BlockBytes;
        Exception? error = null;
        var start = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, ThreadCount).Select(t => new Thread(() =>
        {
            try
            {
                Read(t, end);
            }
            catch (IOException e)
            {
                error = e;
            }
        })).ToArray();
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        _next = end;
        return error is null ? bytes / BlockBytes * BlockBytes / seconds : throw new BenchmarkException($"direct reads: {error.Message}");
    }

    public void Dispose()
    {
        _handle.Dispose();
        NativeMemory.AlignedFree(_memory);
    }

    void Read(int thread, long end)
    {
        for (long block; (block = Interlocked.Increment(ref _next) - 1) < end;)
        {
            var got = RandomAccess.Read(_handle, new Span<byte>(_memory + thread * (long)BlockBytes, BlockBytes), block % _blocks * BlockBytes);
            if (got != BlockBytes)
            {
                throw new IOException($"{got} of {BlockBytes} bytes");
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
