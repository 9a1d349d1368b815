using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Storage;
using NvStream.Storage.CuFile;

namespace NvStream.Tests.Storage;

/// <summary>The structs are cufile.h's, the codes have words, and a machine without cuFile hears why there is none.</summary>
public sealed class CuFileNativeTests
{
    [Fact]
    public unsafe void Structs_have_the_sizes_and_offsets_of_the_header()
    {
        Assert.Equal((8, 8), (Marshal.SizeOf<CuFileError>(), sizeof(CuFileError)));
        Assert.Equal((24, 24), (Marshal.SizeOf<CuFileDescriptor>(), sizeof(CuFileDescriptor)));
        Assert.Equal((64, 64), (Marshal.SizeOf<CuFileRead>(), sizeof(CuFileRead)));
        Assert.Equal((24, 24), (Marshal.SizeOf<CuFileEvent>(), sizeof(CuFileEvent)));
        Assert.Equal(16, sizeof(TimeSpec));
        Assert.Equal([0, 8, 16], Offsets<CuFileDescriptor>("Type", "FileDescriptor", "FileSystemOperations"));
        Assert.Equal(
            [0, 8, 16, 24, 32, 40, 48, 56],
            Offsets<CuFileRead>("Mode", "MemoryBase", "FileOffset", "MemoryOffset", "Bytes", "File", "Operation", "Cookie"));
        Assert.Equal([0, 8, 16], Offsets<CuFileEvent>("Cookie", "Status", "Result"));
    }

    [Fact]
    public void Every_code_has_a_meaning_of_its_own_and_a_remedy()
    {
        var codes = Enum.GetValues<CuFileCode>().Where(c => c != CuFileCode.Success).ToArray();
        var meanings = codes.Select(c => CuFileCodes.Meaning(new(c, 0)).Split(" (cuFile")[0]).ToArray();
        Assert.Equal(codes.Length, meanings.Distinct().Count());
        Assert.DoesNotContain(meanings, m => m.Contains("does not know", StringComparison.Ordinal));
        Assert.All(codes, c => Assert.EndsWith(".", CuFileCodes.Remedy(c), StringComparison.Ordinal));
        Assert.Contains("does not know", CuFileCodes.Meaning(new((CuFileCode)5099, 0)), StringComparison.Ordinal);
        Assert.Contains("CUDA error 700", CuFileCodes.Meaning(new(CuFileCode.CudaDriverError, 700)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_becomes_that_of_the_route_that_was_wanted()
    {
        var error = CuFileException.From(new(CuFileCode.IoNotSupported, 0), "cuFileHandleRegister").For(RouteKind.GpuDirect);
        Assert.Equal("RouteUnavailable", error.ErrorId);
        Assert.StartsWith("Route GpuDirect cannot be had: cuFileHandleRegister: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("5008", error.Message, StringComparison.Ordinal);
        Assert.Contains("XFS", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_there_is_no_cuFile_the_names_tried_are_told_and_nothing_else_happens()
    {
        Assert.SkipWhen(NativeLibraries.Load(NativeLibraries.CuFile).IsFound, "this machine has cuFile");
        Assert.Null(CuFileDriver.Version(out var reason));
        var error = Assert.Throws<CuFileException>(() => CuFileDriver.Open(new(1 << 20, 8)));
        Assert.Equal(reason, error.Reason);
        Assert.NotEmpty(error.Remedy);
        if (OperatingSystem.IsLinux())
        {
            Assert.Contains("libcufile.so.0", reason, StringComparison.Ordinal);
        }

        Assert.False(CuFileStatistics.TryStart());
        Assert.Null(CuFileStatistics.Read());
        using var proof = DirectPathProof.Begin("/nowhere");
        var verdict = proof.Judge(8, 8 << 20);
        Assert.False(verdict.IsDirect);
        Assert.Contains("nvidia-fs is not loaded", verdict.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1 << 20, 8, "4:128 1024:64")]
    [InlineData(1 << 20, 128, "4:128 1024:128")]
    [InlineData(4096, 32, "4:128 1024:64")]
    [InlineData(16 << 20, 32, "4:128 1024:64 16384:32")]
    public void The_pool_has_a_buffer_for_every_read_in_flight(int blockSize, int depth, string pool)
    {
        var settings = new CuFileSettings(blockSize, depth);
        Assert.Equal(pool, string.Join(' ', settings.PosixPool.Select(p => FormattableString.Invariant($"{p.KiB}:{p.Count}"))));
        Assert.True(settings.MostInFlight(blockSize, hasOwnPool: true) >= depth);
    }

    [Theory]
    [InlineData(1 << 20, 64)]
    [InlineData(4096, 64)]
    [InlineData(2 << 20, 32)]
    [InlineData((1 << 20) + 4096, 32)]
    [InlineData(16 << 20, 4)]
    [InlineData(256 << 20, 1)]
    public void Without_a_pool_of_its_own_no_more_is_in_flight_than_the_librarys_holds(int blockSize, int most) =>
        Assert.Equal(most, new CuFileSettings(blockSize, 128).MostInFlight(blockSize, hasOwnPool: false));

    [Fact]
    public void A_driver_opened_for_smaller_blocks_takes_fewer_large_ones()
    {
        var settings = new CuFileSettings(4 << 20, 32);
        Assert.Equal(32, settings.MostInFlight(4 << 20, hasOwnPool: true));
        Assert.Equal(4, settings.MostInFlight(16 << 20, hasOwnPool: true));
    }

    static int[] Offsets<T>(params string[] fields) => [.. fields.Select(f => (int)Marshal.OffsetOf<T>(f))];
}
