using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace NvStream.Storage.CuFile;

/// <summary>Which ways cuFile's reads of this process went, by its own count (CUfileStatsLevel3_t; CUDA 13 and later).</summary>
/// <param name="PeerToPeer">Reads by the kernel's peer-to-peer DMA.</param>
/// <param name="NvidiaFs">Reads by nvidia-fs.</param>
/// <param name="Posix">Reads by host memory.</param>
sealed unsafe record CuFileStatistics(long PeerToPeer, long NvidiaFs, long Posix)
{
    // Offsets of cufile.h's fields of 64 bits: level 1, with counters of (ok, error) pairs, takes 512 bytes, level 2's two
    // histograms of 32 follow, then the number of GPUs and 16 records of 248 bytes.
    const int BatchPosix = 272;
    const int BatchNvidiaFs = 320;
    const int BatchPeerToPeer = 336;
    const int GpuCount = 1024;
    const int Gpus = 1032;
    const int GpuBytes = 248;
    const int MostGpus = 16;
    const int GpuPeerToPeer = 56;
    const int GpuNvidiaFs = 64;
    const int GpuPosix = 72;

    /// <summary>Bytes of the record as far as it is known here.</summary>
    public const int Bytes = Gpus + (MostGpus * GpuBytes);

    /// <summary>What the library may write: a later one's record may be longer.</summary>
    const int BufferBytes = 64 << 10;

    /// <summary>Makes the library count; false where it is too old or refuses.</summary>
    public static bool TryStart()
    {
        try
        {
            return CuFileNative.SetStatsLevel(3).IsSuccess && CuFileNative.StatsStart().IsSuccess;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Counting takes time off every read: it ends with the probe.</summary>
    public static void Stop()
    {
        try
        {
            _ = CuFileNative.StatsStop();
            _ = CuFileNative.SetStatsLevel(0);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // Nothing was started either.
        }
    }

    /// <summary>Null where the library is too old, or counts nothing.</summary>
    public static CuFileStatistics? Read()
    {
        var record = (byte*)NativeMemory.AllocZeroed(BufferBytes);
        try
        {
            return CuFileNative.GetStatsLevel3(record).IsSuccess ? Parse(new(record, Bytes)) : null;
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return null;
        }
        finally
        {
            NativeMemory.Free(record);
        }
    }

    /// <param name="record">CUfileStatsLevel3_t.</param>
    public static CuFileStatistics Parse(ReadOnlySpan<byte> record)
    {
        long peer = At(record, BatchPeerToPeer), module = At(record, BatchNvidiaFs), posix = At(record, BatchPosix);
        var gpus = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(record[GpuCount..]), MostGpus);
        for (var gpu = 0; gpu < gpus; gpu++)
        {
            var of = record.Slice(Gpus + (gpu * GpuBytes), GpuBytes);
            peer += At(of, GpuPeerToPeer);
            module += At(of, GpuNvidiaFs);
            posix += At(of, GpuPosix);
        }

        return new(peer, module, posix);
    }

    static long At(ReadOnlySpan<byte> record, int offset) => BinaryPrimitives.ReadInt64LittleEndian(record[offset..]);
}
