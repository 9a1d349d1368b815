using System.Runtime.InteropServices;
using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Storage;
using NvStream.Storage.Uring;
using NvStream.Tests.Async;

namespace NvStream.Tests.Storage;

[Collection(SerialCollection.Name)]
public sealed unsafe class RouteTests : IDisposable
{
    readonly CpuDevice _device = new(1);

    public void Dispose() => _device.Dispose();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(RouteKind.HostDirect, 1 << 20, 8)]
    [InlineData(RouteKind.HostDirect, 4096, 1)]
    [InlineData(RouteKind.HostDirect, 65536, 3)]
    [InlineData(RouteKind.Mapped, 1 << 20, 8)]
    public void Bytes_arrive_as_they_are_in_the_file(RouteKind kind, int blockSize, int depth)
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        using var route = OpenOrSkip(kind, file, new(blockSize, depth));
        Assert.Equal(kind, route.Kind);
        Assert.NotEmpty(route.Reason);

        var expected = File.ReadAllBytes(Fixtures.DemoModel);
        var random = new Random(depth);
        using var transfer = new Transfer();
        for (var round = 0; round < 20; round++)
        {
            // The last extent reaches beyond the end, as a widened last layer does.
            FileExtent[] extents =
            [
                .. Enumerable.Range(0, 3).Select(_ => FileExtent.Around(0, random.Next(expected.Length / 2), random.Next(1, 300_000))),
                FileExtent.Around(0, expected.Length - 5000, 5000),
            ];
            var bytes = extents.Sum(e => e.Length);
            var memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 4096);
            transfer.Prepare(extents, (nint)memory, blockSize);
            Assert.Equal(bytes, transfer.Bytes);
            route.Begin(transfer);
            transfer.Wait(Token);
            var at = memory;
            foreach (var extent in extents)
            {
                var length = (int)Math.Min(extent.Length, expected.Length - extent.Offset);
                Assert.True(new ReadOnlySpan<byte>(at, length).SequenceEqual(expected.AsSpan((int)extent.Offset, length)));
                at += extent.Length;
            }

            NativeMemory.AlignedFree(memory);
        }

        Assert.True(route.BusyTime > TimeSpan.Zero);
    }

    [Theory]
    [InlineData("io_uring", 1 << 20, 8)]
    [InlineData("io_uring", 4096, 3)]
    [InlineData("io_uring, registered", 1 << 20, 8)]
    [InlineData("io_uring, registered", 65536, 32)]
    [InlineData("threads", 65536, 3)]
    [InlineData("overlapped", 65536, 4)]
    public void Every_queue_reads_the_file(string name, int blockSize, int depth)
    {
        var expected = File.ReadAllBytes(Fixtures.DemoModel);
        using var file = GgufFile.Open(Fixtures.DemoModel);
        var files = StoredFiles.TryOpenDirect(StoredFile.Of(file), out var refusal);
        Assert.SkipWhen(files is null, refusal);
        var queue = OpenOrSkip(name, files!, depth);
        using var route = new HostRoute(RouteKind.HostDirect, name, queue, files!, new(blockSize, depth));
        using var memory = _device.Allocate((expected.Length + 4095) / 4096 * 4096, "test");
        if (name.EndsWith("registered", StringComparison.Ordinal))
        {
            route.Attach(memory);
            Assert.True(((UringReads)queue).HasRegistered);
        }

        using var transfer = new Transfer();
        for (var round = 0; round < 5; round++)
        {
            new Span<byte>((void*)memory.Address, expected.Length).Clear();
            transfer.Prepare([FileExtent.Around(0, 0, expected.Length)], memory.Address, blockSize);
            route.Begin(transfer);
            transfer.Wait(Token);
            Assert.True(new ReadOnlySpan<byte>((void*)memory.Address, expected.Length).SequenceEqual(expected));
        }

        route.Detach(memory);
    }

    [Fact]
    public void A_file_that_is_written_to_while_it_is_in_use_is_an_error_and_one_that_is_replaced_is_not()
    {
        using var folder = new NvStream.Tests.Gguf.TemporaryFolder();
        var path = folder.File("model.gguf");
        File.Copy(Fixtures.DemoModel, path);
        using var file = GgufFile.Open(path);

        // Another file takes the name before the route opens it: the one that was opened is meant.
        File.Move(path, path + ".old");
        File.WriteAllBytes(path, new byte[file.Size]);
        using var route = OpenOrSkip(RouteKind.HostDirect, file, new(1 << 20, 2));
        using var memory = _device.Allocate(1 << 20, "test");
        using var transfer = new Transfer();
        void Read()
        {
            transfer.Prepare([FileExtent.Around(0, 0, 1 << 20)], memory.Address, 1 << 20);
            route.Begin(transfer);
            transfer.Wait(Token);
        }

        Read();
        Assert.True(new ReadOnlySpan<byte>((void*)memory.Address, 1 << 20).SequenceEqual(File.ReadAllBytes(Fixtures.DemoModel).AsSpan(0, 1 << 20)));

        using (var write = new FileStream(path + ".old", FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            write.Position = 4096;
            write.WriteByte(1);
        }

        var error = Assert.Throws<StorageException>(Read);
        Assert.Equal("StorageReadFailed", error.ErrorId);
        Assert.Contains("written to", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096, 1, 0)]
    [InlineData(65536, 3, 0)]
    [InlineData(65536, 3, 1 << 20)]
    public void Staged_bytes_arrive_in_the_device_and_copies_from_the_host_in_their_turn(int blockSize, int depth, int stagingBytes)
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        var expected = File.ReadAllBytes(Fixtures.DemoModel);
        var random = new Random(depth);
        var device = new AsyncFakeDevice(depth);
        using (var route = StorageRoutes.Open(RouteKind.Auto, file, device, new(blockSize, depth, stagingBytes)))
        using (var pinned = device.HostCopies.AllocateHost(400_000, "test"))
        using (var memory = device.Allocate(800_000, "test"))
        {
            Assert.Equal(RouteKind.HostStaged, route.Kind);
            Assert.True(route.CopyFences * (long)blockSize >= stagingBytes);
            using var transfer = new Transfer();
            using var copy = new Transfer();
            for (var round = 0; round < 20; round++)
            {
                var extent = FileExtent.Around(0, random.Next(expected.Length - 300_000), random.Next(5000, 250_000));
                var contents = expected.AsSpan((int)extent.Offset, (int)extent.Length);
                transfer.PrepareHost([extent], pinned.Address, blockSize, route.CopyFences);
                route.Begin(transfer);
                transfer.Wait(Token);
                Assert.True(new ReadOnlySpan<byte>((void*)pinned.Address, contents.Length).SequenceEqual(contents));

                // Both into one place: the one begun last stays.
                transfer.Prepare([extent], memory.Address, blockSize, null, route.CopyFences);
                copy.PrepareCopy(pinned.Address + 4096, extent.Length - 4096, memory.Address, null, route.CopyFences + 1);
                route.Begin(transfer);
                route.Begin(copy);
                copy.Wait(Token);
                copy.Copied!.Wait();
                Assert.True(transfer.IsComplete);
                Assert.True(new ReadOnlySpan<byte>((void*)memory.Address, contents.Length - 4096).SequenceEqual(contents[4096..]));
                Assert.True(new ReadOnlySpan<byte>((void*)(memory.Address + contents.Length - 4096), 4096).SequenceEqual(contents[^4096..]));
            }

            Assert.True(route.BusyTime > TimeSpan.Zero);
        }

        device.Dispose();
        Assert.Null(device.BrokenRule);
        Assert.Equal((0, 0), (device.Memory.LiveBytes, device.HostMemory.LiveBytes));
    }

    [Fact]
    public void A_memory_file_system_refuses_direct_reads_with_the_reason_and_auto_goes_through_the_cache()
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm") && new DriveInfo("/dev/shm").DriveFormat == "tmpfs", "there is no tmpfs at /dev/shm");
        var path = Path.Combine("/dev/shm", $"nvstream-{Guid.NewGuid():N}.gguf");
        File.Copy(Fixtures.DemoModel, path);
        try
        {
            using var file = GgufFile.Open(path);
            var error = Assert.Throws<StorageException>(() => StorageRoutes.Open(RouteKind.HostDirect, file, _device, new(1 << 20, 2)));
            Assert.Equal("RouteUnavailable", error.ErrorId);
            Assert.Contains("tmpfs", error.Message, StringComparison.Ordinal);
            using var route = StorageRoutes.Open(RouteKind.Auto, file, _device, new(1 << 20, 2));
            Assert.Equal(RouteKind.Mapped, route.Kind);
            Assert.Contains("tmpfs", route.Reason, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Dropping_a_transfer_ends_soon_and_nothing_is_left_in_flight()
    {
        using var file = GgufFile.Open(Fixtures.DemoModel);
        var threads = System.Diagnostics.Process.GetCurrentProcess().Threads.Count;
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)file.Size + 8192, 4096);
        for (var round = 0; round < 50; round++)
        {
            using var route = StorageRoutes.Open(RouteKind.Mapped, file, _device, new(4096, 2));
            var transfer = new Transfer();
            transfer.Prepare([FileExtent.Around(0, 0, file.Size)], (nint)memory, 4096);
            route.Begin(transfer);
            if (round % 2 == 0)
            {
                transfer.Dispose();
            }
            else
            {
                // The route first: it drops what is queued, or the transfer would never end.
                route.Dispose();
                transfer.Drain();
            }

            Assert.True(round % 2 == 0 || transfer.IsComplete);
        }

        NativeMemory.AlignedFree(memory);
        Assert.InRange(System.Diagnostics.Process.GetCurrentProcess().Threads.Count, 1, threads + 4);
    }

    static IReadQueue OpenOrSkip(string name, StoredFiles files, int depth)
    {
        switch (name)
        {
            case "threads":
                return new ThreadedReads(files, depth);
            case "overlapped":
                return new OverlappedReads(files, depth);
            default:
                var ring = UringReads.TryOpen(files, depth, out var refusal);
                Assert.SkipWhen(ring is null, $"io_uring cannot be had: {refusal}");
                return ring!;
        }
    }

    IStorageRoute OpenOrSkip(RouteKind kind, GgufFile file, RouteOptions options)
    {
        try
        {
            return StorageRoutes.Open(kind, file, _device, options);
        }
        catch (StorageException e) when (e.ErrorId == "RouteUnavailable")
        {
            Assert.Skip(e.Message);
            throw;
        }
    }
}
