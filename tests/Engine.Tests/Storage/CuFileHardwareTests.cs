using Microsoft.Win32.SafeHandles;
using NvStream.Compute;
using NvStream.Storage;
using NvStream.Storage.CuFile;

namespace NvStream.Tests.Storage;

/// <summary>cuFile itself, where there is one: into a card's memory, or the processor's where there is no card.</summary>
[Collection(SerialCollection.Name)]
public sealed class CuFileHardwareTests : IDisposable
{
    /// <summary>Where this is set to 1, a machine on which cuFile cannot read the file fails the tests instead of skipping them.</summary>
    const string Claim = "NVSTREAM_REQUIRE_CUFILE";

    const int Block = 1 << 20;
    const int Blocks = 24;

    readonly string _folder = Directory.CreateTempSubdirectory("cufile").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void A_file_arrives_whole_and_so_does_its_end(int depth)
    {
        using var device = ComputeDevices.Open("Auto");
        device.HostCopies?.Bind();
        var bytes = new byte[(Blocks * Block) - 5000];
        new Random(1).NextBytes(bytes);
        using var file = OpenDirect(bytes);
        using var queue = Open(file, depth);
        using var memory = device.Allocate(Blocks * Block, "test");
        foreach (var isRegistered in new[] { false, true })
        {
            device.Write(new byte[Blocks * Block], memory.Address);
            if (isRegistered)
            {
                queue.Register(memory.Address, memory.Length);
                Assert.Null(queue.RegistrationError);
            }

            var completions = ReadAll(queue, memory.Address);
            Assert.All(completions, c => Assert.True(c.Error is null, c.Error?.Message));
            Assert.Equal(bytes.Length, completions.Sum(c => (long)c.Bytes));
            var arrived = new byte[bytes.Length];
            device.Read(memory.Address, arrived);
            Assert.True(arrived.AsSpan().SequenceEqual(bytes), $"registered: {isRegistered}");
        }

        queue.Unregister(memory.Address);
    }

    [Fact]
    public void The_proof_says_which_way_the_bytes_went()
    {
        using var device = ComputeDevices.Open("Auto");
        device.HostCopies?.Bind();
        using var file = OpenDirect(new byte[Blocks * Block]);
        using var queue = Open(file, 4);
        using var memory = device.Allocate(Blocks * Block, "test");
        queue.Register(memory.Address, memory.Length);
        using var proof = DirectPathProof.Begin();
        ReadAll(queue, memory.Address);
        var verdict = proof.Judge(Blocks, (long)Blocks * Block);
        TestContext.Current.TestOutputHelper?.WriteLine($"{verdict} {string.Join("; ", CuFileStatistics.Read())}");
        Assert.NotEmpty(verdict.Reason);
        Assert.Equal(verdict.IsDirect, verdict.Remedy is null);
        Assert.True(!verdict.IsDirect || new NvidiaFs().IsLoaded || CuFileStatistics.Read() is { PeerToPeer: > 0 });
    }

    [Fact]
    public void The_driver_is_opened_again_after_it_was_closed()
    {
        using var device = ComputeDevices.Open("Auto");
        device.HostCopies?.Bind();
        using var file = OpenDirect(new byte[Block]);
        for (var i = 0; i < 2; i++)
        {
            using var first = Open(file, 1);
            Assert.StartsWith("cuFile 1.", first.Name, StringComparison.Ordinal);
        }
    }

    static List<ReadCompletion> ReadAll(CuFileReads queue, nint memory)
    {
        var free = new Queue<int>(Enumerable.Range(0, queue.Depth));
        var ended = new List<ReadCompletion>();
        var completions = new ReadCompletion[queue.Depth];
        for (var next = 0; ended.Count < Blocks;)
        {
            while (next < Blocks && free.TryDequeue(out var tag))
            {
                queue.Enqueue(tag, new(0, (long)next * Block, Block, memory + (next * Block)));
                next++;
            }

            queue.Submit();
            var count = queue.Reap(completions, TimeSpan.FromSeconds(20));
            Assert.True(count > 0, "no read ended within 20 seconds");
            foreach (var completion in completions.AsSpan(0, count))
            {
                free.Enqueue(completion.Tag);
                ended.Add(completion);
            }
        }

        return ended;
    }

    static CuFileReads Open(SafeFileHandle file, int depth)
    {
        try
        {
            var session = CuFileSession.Open([file], new(Block, depth));
            Assert.True(session.MostInFlight(Block) >= depth);
            Assert.All(session.Driver.Remarks, r => TestContext.Current.TestOutputHelper?.WriteLine(r));
            return new(session, depth);
        }
        catch (CuFileException e) when (Environment.GetEnvironmentVariable(Claim) != "1")
        {
            Assert.Skip($"{e.Message} {e.Remedy}");
            throw;
        }
    }

    SafeFileHandle OpenDirect(ReadOnlySpan<byte> bytes)
    {
        Assert.SkipUnless(CuFileDriver.Version(out var reason) is not null || Environment.GetEnvironmentVariable(Claim) == "1", reason);
        var path = Path.Combine(_folder, "file.bin");
        File.WriteAllBytes(path, bytes);
        using var handle = File.OpenHandle(path);
        var file = DirectFile.Open(new(path, bytes.Length, handle), out var refusal);
        Assert.SkipWhen(file is null, refusal);
        return file!;
    }
}
