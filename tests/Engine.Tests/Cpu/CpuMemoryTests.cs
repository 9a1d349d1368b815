using NvStream.Compute;
using NvStream.Compute.Cpu;
using Xunit;

namespace NvStream.Tests.Cpu;

public sealed class CpuMemoryTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4097)]
    [InlineData(2 << 20)]
    [InlineData((5 << 20) + 12345)]
    public unsafe void BlocksAreAlignedZeroedAndWritableToTheirLastByte(int bytes)
    {
        for (var round = 0; round < 3; round++)
        {
            using var block = CpuMemory.Allocate(bytes, "CPU", "test");
            Assert.Equal(bytes, block.Length);
            Assert.NotEqual(0, block.Address);
            Assert.Equal(0, block.Address % 4096);
            var span = new Span<byte>((void*)block.Address, bytes);
            Assert.Equal(-1, span.IndexOfAnyExcept((byte)0));
            span.Fill(0xff);
        }
    }

    [Theory]
    [InlineData(1L << 52)]
    [InlineData(long.MaxValue)]
    public void WhatTheSystemCannotGiveIsAnErrorThatNamesThePurpose(long bytes)
    {
        using var device = new CpuDevice(1);
        var error = Assert.Throws<DeviceException>(() => device.Allocate(bytes, "slot 7"));
        Assert.Equal("DeviceBudgetTooSmall", error.ErrorId);
        Assert.Contains("slot 7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANegativeSizeIsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => CpuMemory.Allocate(-1, "CPU", "test"));

    [Fact]
    public void ReserveOfScratchForAHugePassIsAnErrorNotACrash()
    {
        using var device = new CpuDevice(1);
        Assert.Throws<DeviceException>(() => device.ReserveScratch(int.MaxValue, 1 << 20, AttentionLayout.MaxHeadDim));
        device.ReserveScratch(1, 64, AttentionLayout.MaxHeadDim);
    }
}
