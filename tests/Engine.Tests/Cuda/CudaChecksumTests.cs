using NvStream.Compute;
using NvStream.Tests.Cpu;

namespace NvStream.Tests.Cuda;

/// <summary>The card's checksum is that of the definition.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaChecksumTests
{
    [Fact]
    public void Any_length_has_the_sum_of_the_definition()
    {
        var bytes = Random((16 << 20) + 4096);
        using var rig = new Rig(Gpu.Open());
        var address = rig.Bytes(bytes);
        int[] lengths = [.. Enumerable.Range(0, 40).Select(i => 16 * i), 4096, (1 << 20) + 48, bytes.Length - 16, bytes.Length];
        Assert.All(lengths, length => Assert.Equal(MemoryChecksum.Of(bytes.AsSpan(0, length)), rig.Device.Checksum(address, length)));
        foreach (var start in new[] { 16, 48, 4096 })
        {
            Assert.Equal(MemoryChecksum.Of(bytes.AsSpan(start)), rig.Device.Checksum(address + start, bytes.Length - start));
        }
    }

    [Fact]
    public void It_waits_for_what_was_issued_and_leaves_the_memory_as_it_is()
    {
        var bytes = Random(64 << 20);
        using var rig = new Rig(Gpu.Open());
        var address = rig.Bytes(bytes);
        var right = MemoryChecksum.Of(bytes);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(right, rig.Device.Checksum(address, bytes.Length));
            bytes[i * 1_000_003] ^= 4;
            rig.Device.Write(bytes, address);
            right = MemoryChecksum.Of(bytes);
        }

        var read = new byte[bytes.Length];
        rig.Device.Read(address, read);
        Assert.True(read.AsSpan().SequenceEqual(bytes));
    }

    [Fact]
    public void It_works_where_all_memory_is_reserved_and_planned()
    {
        const int length = 8 << 20;
        var bytes = Random(length);
        using var device = Gpu.Open();
        device.Reserve(length);
        using var memory = device.Allocate(length, "test");
        device.Write(bytes, memory.Address);
        Assert.Equal(MemoryChecksum.Of(bytes), device.Checksum(memory.Address, length));
        Assert.Equal(length, ((NvStream.Compute.Cuda.CudaDevice)device).LiveBytes);
    }

    static byte[] Random(int count)
    {
        var bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
