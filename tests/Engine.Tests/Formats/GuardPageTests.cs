using System.Runtime.InteropServices;
using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Formats;

/// <summary>Operands against pages that may not be touched: an access outside them ends the process.</summary>
public partial class GuardPageTests
{
    [Theory]
    [MemberData(nameof(FormatCases.TypesAndPaths), MemberType = typeof(FormatCases))]
    public unsafe void Nothing_is_read_or_written_outside_the_operands(TensorType type, string path)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "guard pages are made with Linux's mmap");
        var format = FormatCases.Format(type, path);
        var random = new Random(9);
        int[] blockCounts = format.BlockElements == 1 ? [1, 5, 16, 33] : [1, 2, 9];
        foreach (var blocks in blockCounts)
        {
            foreach (var activationRows in new[] { 1, 2, 4, 11 })
            {
                foreach (var atEnd in new[] { true, false })
                {
                    Check(format, FormatCases.RandomBlocks(type, 3 * blocks, random), blocks, activationRows, atEnd);
                }
            }
        }
    }

    static unsafe void Check(WeightFormat format, byte[] weights, int blocks, int activationRows, bool atEnd)
    {
        var columns = blocks * format.BlockElements;
        var rowBytes = blocks * format.BlockBytes;
        var stride = Activations.RowBytes(format.Encoding, columns);
        var x = FormatCases.RandomActivations(activationRows * columns, new Random(10));
        using var weightPages = new GuardedMemory(weights.Length, atEnd);
        using var inputPages = new GuardedMemory(columns * sizeof(float), atEnd);
        using var activationPages = new GuardedMemory((int)stride * activationRows, atEnd);
        using var resultPages = new GuardedMemory(3 * activationRows * sizeof(float), atEnd);
        weights.CopyTo(weightPages.Span);
        for (var a = 0; a < activationRows; a++)
        {
            MemoryMarshal.AsBytes(x.AsSpan(a * columns, columns)).CopyTo(inputPages.Span);
            Activations.Encode(
                format.Encoding, (float*)inputPages.Address, columns, activationPages.Address + a * stride);
        }

        format.Multiply(
            weightPages.Address, rowBytes, 3, columns,
            activationPages.Address, stride, activationRows, (float*)resultPages.Address, 3);
        var expected = new Product(format, weights, columns, x).Multiply();
        Assert.Equal(expected, MemoryMarshal.Cast<byte, float>(resultPages.Span).ToArray());

        var values = new float[columns];
        format.Dequantize(weightPages.Span[..rowBytes], values);
    }

    /// <summary>Bytes at the very start or end of mapped pages, with inaccessible pages on both sides.</summary>
    sealed unsafe partial class GuardedMemory : IDisposable
    {
        readonly byte* pages;
        readonly int length;
        readonly nuint mapped;

        public GuardedMemory(int length, bool atEnd)
        {
            var page = Environment.SystemPageSize;
            var inner = (length + page - 1) / page * page;
            this.length = length;
            mapped = (nuint)(inner + 2 * page);
            pages = (byte*)Map(0, mapped, ProtectNone, MapPrivate | MapAnonymous, -1, 0);
            Assert.NotEqual(-1, (nint)pages);
            Assert.Equal(0, Protect((nint)pages + page, (nuint)inner, ProtectRead | ProtectWrite));
            Address = pages + page + (atEnd ? inner - length : 0);
        }

        const int ProtectNone = 0;
        const int ProtectRead = 1;
        const int ProtectWrite = 2;
        const int MapPrivate = 2;
        const int MapAnonymous = 0x20;

        public byte* Address { get; }

        public Span<byte> Span => new(Address, length);

        public void Dispose() => Assert.Equal(0, Unmap((nint)pages, mapped));

        [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
        private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
        private static partial int Protect(nint address, nuint length, int protection);

        [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
        private static partial int Unmap(nint address, nuint length);
    }
}
