using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;

namespace NvStream.Tests.Cpu;

/// <summary>The processor's checksum is that of the definition, at every width, length and number of threads.</summary>
public sealed class CpuChecksumTests
{
    public static TheoryData<int, int> Devices => new MatrixTheoryData<int, int>([128, 256, 512], [1, 3]);

    [Theory]
    [MemberData(nameof(Devices))]
    public void Any_length_has_the_sum_of_the_definition(int vectorBits, int threads)
    {
        var bytes = Random(3 << 20);
        using var rig = new Rig(new CpuDevice(threads, vectorBits));
        var address = rig.Bytes(bytes);
        int[] lengths =
        [
            .. Enumerable.Range(0, 40).Select(i => 16 * i), (256 << 10) - 16, 256 << 10, (256 << 10) + 16, (1 << 20) + 48, bytes.Length - 16, bytes.Length,
        ];
        Assert.All(lengths, length => Assert.Equal(MemoryChecksum.Of(bytes.AsSpan(0, length)), rig.Device.Checksum(address, length)));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Memory_on_any_16_byte_boundary_does(int vectorBits, int threads)
    {
        var bytes = Random(1 << 20);
        using var rig = new Rig(new CpuDevice(threads, vectorBits));
        var address = rig.Bytes(bytes);
        foreach (var start in new[] { 16, 32, 48, 4080 })
        {
            Assert.Equal(MemoryChecksum.Of(bytes.AsSpan(start)), rig.Device.Checksum(address + start, bytes.Length - start));
        }
    }

    [Fact]
    public void Changed_and_exchanged_words_are_seen()
    {
        var bytes = Random(1 << 20);
        using var device = new CpuDevice(2);
        using var memory = device.Allocate(bytes.Length, "test");
        ulong Sum()
        {
            device.Write(bytes, memory.Address);
            return device.Checksum(memory.Address, bytes.Length);
        }

        var right = Sum();
        bytes[777_777] ^= 1;
        Assert.NotEqual(right, Sum());
        bytes[777_777] ^= 1;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan());
        (words[100], words[512 + 100]) = (words[512 + 100], words[100]);
        Assert.NotEqual(right, Sum());
        (words[100], words[512 + 100]) = (words[512 + 100], words[100]);
        Assert.Equal(right, Sum());
    }

    [Fact]
    public void Zeros_and_ones_have_the_sums_of_the_definition()
    {
        using var device = new CpuDevice();
        foreach (var value in new byte[] { 0, 255 })
        {
            var bytes = new byte[300_000 * 16];
            bytes.AsSpan().Fill(value);
            using var memory = device.Allocate(bytes.Length, "test");
            device.Write(bytes, memory.Address);
            Assert.Equal(MemoryChecksum.Of(bytes), device.Checksum(memory.Address, bytes.Length));
        }
    }

    static byte[] Random(int count)
    {
        var bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
