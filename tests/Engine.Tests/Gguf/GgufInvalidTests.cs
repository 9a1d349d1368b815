using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

/// <summary>Every kind of bad header is refused under its error id, with words that name what is wrong.</summary>
public class GgufInvalidTests
{
    const uint F32 = (uint)TensorType.F32;
    const uint Q4_K = (uint)TensorType.Q4_K;

    static void Refused(string errorId, string says, RawGguf file) => Refused(errorId, says, file.Bytes());

    static void Refused(string errorId, string says, byte[] file)
    {
        var error = Assert.Throws<GgufException>(() => RawGguf.Parse(file));
        Assert.Equal(errorId, error.ErrorId);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Contains("test.gguf", error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Remedy);
    }

    [Fact]
    public void The_empty_model_is_valid()
    {
        var header = new RawGguf(0, 0).Parse();
        Assert.Empty(header.Metadata);
        Assert.Empty(header.Tensors);
    }

    [Theory]
    [InlineData("PK\u0003\u0004rest of it", "ZIP archive")]
    [InlineData("<!DOCTYPE html>", "web page")]
    [InlineData("<html><body>", "web page")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer")]
    [InlineData("{\"error\": 404}", "JSON")]
    [InlineData("tjgg\u0003\0\0\0", "before GGUF")]
    [InlineData("@\u0001\0\0\0\0\0\0{\"__metadata__\":{}}", "safetensors")]
    [InlineData("\0\0\0\0\0\0\0\0\0\0\0\0", "unfinished download")]
    [InlineData("what is this", "77686174")]
    public void A_foreign_format_is_named(string content, string says) =>
        Refused("GgufInvalid", says, System.Text.Encoding.Latin1.GetBytes(content));

    [Fact]
    public void A_pickle_and_a_compressed_file_are_named()
    {
        Refused("GgufInvalid", "pickle", [0x80, 2, 0x8A, 0x0A, 0x6C]);
        Refused("GgufInvalid", "compressed", [0x1F, 0x8B, 8, 0]);
        Refused("GgufInvalid", "compressed", [0x28, 0xB5, 0x2F, 0xFD]);
    }

    [Fact]
    public void Every_cut_of_a_header_is_truncated()
    {
        var whole = new RawGguf(1, 2)
            .Key("a", GgufValueType.Array).U32((uint)GgufValueType.String).U64(2).Text("x").Text("yz")
            .Key("b", 7)
            .Tensor("t", F32, 0, 8).Data(32).Bytes();
        Assert.Single(RawGguf.Parse(whole).Tensors);
        for (var length = 0; length < whole.Length; length++)
        {
            Refused("GgufTruncated", $"ends at byte {length}", whole[..length]);
        }
    }

    [Theory]
    [InlineData(0u, "version 0")]
    [InlineData(1u, "32 bits")]
    [InlineData(4u, "version 4")]
    [InlineData(0x03000000u, "version 3 cannot be read: the file is big-endian")]
    [InlineData(0x02000000u, "big-endian")]
    public void Other_versions_are_unsupported(uint version, string says) =>
        Refused("GgufVersionUnsupported", says, new RawGguf(0, 0, version));

    [Theory]
    [InlineData(2u)]
    [InlineData(3u)]
    public void Versions_2_and_3_are_read(uint version) => Assert.Equal(version, new RawGguf(0, 0, version).Parse().Version);

    [Fact]
    public void Counts_beyond_reason_are_refused_before_anything_is_allocated()
    {
        Refused("GgufInvalid", "18446744073709551615 tensors", new RawGguf(ulong.MaxValue, 0));
        Refused("GgufInvalid", "metadata keys", new RawGguf(0, 1UL << 40));
        Refused("GgufTruncated", "bytes are needed", new RawGguf(int.MaxValue, 0));
        Refused("GgufTruncated", "bytes are needed", new RawGguf(0, int.MaxValue));
        Refused("GgufInvalid", "elements in metadata 'a'",
            new RawGguf(0, 1).Key("a", GgufValueType.Array).U32((uint)GgufValueType.UInt8).U64(1UL << 62));
        Refused("GgufTruncated", "bytes are needed",
            new RawGguf(0, 1).Key("a", GgufValueType.Array).U32((uint)GgufValueType.String).U64(2_000_000_000));
        Refused("GgufInvalid", "a string's length is", new RawGguf(0, 1).Key("a", GgufValueType.String).U64(1UL << 63));
        Refused("GgufTruncated", "bytes are needed", new RawGguf(0, 1).Key("a", GgufValueType.String).U64(1 << 30));
    }

    [Fact]
    public void A_header_that_leaves_the_window_is_invalid_and_not_truncated()
    {
        var bytes = new RawGguf(0, 1).Key("a", GgufValueType.String).U64(1000).Bytes();
        var error = Assert.Throws<GgufException>(() => GgufParser.Parse("test.gguf", bytes, 1L << 40));
        Assert.Equal("GgufInvalid", error.ErrorId);
        Assert.Contains("header is longer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_must_be_unique_and_well_formed()
    {
        Refused("GgufInvalid", "'twice' is there twice", new RawGguf(0, 2).Key("twice", 1).Key("twice", 1).Data(0));
        Refused("GgufInvalid", "0 bytes long", new RawGguf(0, 1).Key("", 1).Data(0));
        Refused("GgufInvalid", "70000 bytes long", new RawGguf(0, 1).Key(new string('k', 70000), 1));
        Refused("GgufInvalid", "not valid UTF-8", new RawGguf(0, 1).U64(2).Raw([0xC3, 0x28]).U32(0).Data(8));
    }

    [Fact]
    public void Value_types_and_bools_must_be_known()
    {
        Refused("GgufInvalid", "has type 13", new RawGguf(0, 1).Key("a", (GgufValueType)13).Data(8));
        Refused("GgufInvalid", "has type 4294967295",
            new RawGguf(0, 1).Key("a", GgufValueType.Array).U32(uint.MaxValue).U64(1).Data(8));
        Refused("GgufInvalid", "a bool is 2", new RawGguf(0, 1).Key("a", GgufValueType.Bool).Raw([2]).Data(8));
        Refused("GgufInvalid", "a bool is 255",
            new RawGguf(0, 1).Key("a", GgufValueType.Array).U32((uint)GgufValueType.Bool).U64(2).Raw([1, 255]).Data(8));
    }

    [Fact]
    public void Arrays_nest_eight_deep_and_no_deeper()
    {
        Assert.Single(Nested(8).Parse().Metadata);
        Refused("GgufInvalid", "more than 8 deep", Nested(9));

        static RawGguf Nested(int depth)
        {
            var file = new RawGguf(0, 1).Key("a", GgufValueType.Array);
            for (var i = 1; i < depth; i++)
            {
                file.U32((uint)GgufValueType.Array).U64(1);
            }

            return file.U32((uint)GgufValueType.UInt8).U64(1).Raw([42]).Data(0);
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(4u)]
    [InlineData(48u)]
    [InlineData(1u << 25)]
    [InlineData(uint.MaxValue)]
    public void Alignment_must_be_a_sane_power_of_two(uint alignment) =>
        Refused("GgufInvalid", "general.alignment", new RawGguf(0, 1).Key("general.alignment", alignment).Data(0));

    [Fact]
    public void Tensor_names_must_be_unique_and_well_formed()
    {
        Refused("GgufInvalid", "tensor 't' is there twice",
            new RawGguf(2, 0).Tensor("t", F32, 0, 8).Tensor("t", F32, 32, 8).Data(64));
        Refused("GgufInvalid", "a tensor's name is 0 bytes long", new RawGguf(1, 0).Tensor("", F32, 0, 8).Data(64));
    }

    [Fact]
    public void Shapes_must_have_one_to_four_sizes_that_are_not_zero()
    {
        Refused("GgufInvalid", "0 dimensions", new RawGguf(1, 0).Tensor("t", F32, 0).Data(64));
        Refused("GgufInvalid", "5 dimensions", new RawGguf(1, 0).Tensor("t", F32, 0, 1, 1, 1, 1, 1).Data(64));
        Refused("GgufInvalid", "size 0 in dimension 1", new RawGguf(1, 0).Tensor("t", F32, 0, 8, 0).Data(64));
        Refused("GgufInvalid", "size 18446744073709551615",
            new RawGguf(1, 0).Tensor("t", F32, 0, 8, ulong.MaxValue).Data(64));
        Refused("GgufInvalid", "rows",
            new RawGguf(1, 0).Tensor("t", F32, 0, 8, int.MaxValue, int.MaxValue, int.MaxValue).Data(64));
        Refused("GgufInvalid", "elements", new RawGguf(1, 0).Tensor("t", F32, 0, int.MaxValue, int.MaxValue).Data(64));
    }

    [Fact]
    public void Types_must_be_known_and_rows_whole_blocks()
    {
        Refused("GgufInvalid", "tensor 't' has the unknown type 36", new RawGguf(1, 0).Tensor("t", 36, 0, 256).Data(64));
        Refused("GgufInvalid", "unknown type 4294967295",
            new RawGguf(1, 0).Tensor("t", uint.MaxValue, 0, 256).Data(64));
        Refused("GgufInvalid", "rows of 128 elements", new RawGguf(1, 0).Tensor("t", Q4_K, 0, 128, 2).Data(288));
    }

    [Fact]
    public void Tensors_must_be_aligned_inside_the_file_and_apart()
    {
        Refused("GgufInvalid", "data offset 16, expected a multiple of 32",
            new RawGguf(1, 0).Tensor("t", F32, 16, 8).Data(64));
        Refused("GgufInvalid", "data offset", new RawGguf(1, 0).Tensor("t", F32, 1UL << 63, 8).Data(64));
        Refused("GgufInvalid", "data offset", new RawGguf(1, 0).Tensor("t", F32, (1UL << 63) - 32, 8).Data(64));
        Refused("GgufTruncated", "32 bytes are needed", new RawGguf(1, 0).Tensor("t", F32, 64, 8).Data(64));
        Refused("GgufTruncated", "bytes are needed", new RawGguf(1, 0).Tensor("t", F32, 1UL << 60, 8).Data(64));
        Refused("GgufInvalid", "tensor 'b' overlaps 'a'",
            new RawGguf(2, 0).Tensor("b", F32, 32, 8).Tensor("a", F32, 0, 9).Data(96));
    }
}
