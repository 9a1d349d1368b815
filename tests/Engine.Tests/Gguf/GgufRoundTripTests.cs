using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

/// <summary>What the writer writes, the reader reads.</summary>
public class GgufRoundTripTests
{
    static readonly (string Key, object Value)[] s_values =
    [
        ("u8", (byte)200), ("i8", (sbyte)-100), ("u16", (ushort)60000), ("i16", (short)-30000),
        ("u32", 4_000_000_000), ("i32", -2_000_000_000), ("u64", ulong.MaxValue), ("i64", long.MinValue),
        ("f32", 1.5e-39f), ("f64", Math.PI), ("yes", true), ("no", false),
        ("text", "naïve \u4F60\u597D \U0001F680\0end"), ("nothing", ""),
        ("u8s", new byte[] { 1, 255 }), ("i8s", new sbyte[] { -1 }), ("u16s", new ushort[] { 1, 65535 }),
        ("i16s", new short[] { -5 }), ("u32s", new uint[] { 1, uint.MaxValue }), ("i32s", new[] { int.MinValue, 7 }),
        ("u64s", new[] { ulong.MaxValue }), ("i64s", new[] { long.MinValue }), ("f32s", new[] { 1f, float.NaN, -0f }),
        ("f64s", new[] { 1e300 }), ("bools", new[] { true, false, true }), ("none", Array.Empty<int>()),
        ("texts", new[] { "a", "", "ż" }), ("no texts", Array.Empty<string>()),
        ("nested", new object[] { new[] { 1, 2 }, new[] { "x", "y" }, new object[] { new byte[] { 9 } }, Array.Empty<object>() }),
    ];

    [Fact]
    public void Every_metadata_type_comes_back_as_it_was()
    {
        var writer = new GgufWriter();
        foreach (var (key, value) in s_values)
        {
            writer.Set(key, value);
        }

        var (header, length) = writer.Header();
        var metadata = GgufParser.Parse("test.gguf", header, length).Metadata;

        Assert.Equal(s_values.Select(pair => pair.Key), metadata.Keys);
        foreach (var (key, value) in s_values)
        {
            Same(value, metadata[key]);
        }
    }

    static void Same(object expected, object found)
    {
        switch (expected)
        {
            case string[] strings:
                Assert.Equal(strings, Assert.IsType<GgufStringArray>(found));
                break;
            case object[] arrays:
                var foundArrays = Assert.IsType<object[]>(found);
                Assert.Equal(arrays.Length, foundArrays.Length);
                for (var i = 0; i < arrays.Length; i++)
                {
                    Same(arrays[i], foundArrays[i]);
                }

                break;
            default:
                Assert.Equal(expected.GetType(), found.GetType());
                Assert.Equal(expected, found);
                break;
        }
    }

    [Fact]
    public void Strings_that_are_not_UTF8_are_replaced_and_their_bytes_kept()
    {
        var metadata = new RawGguf(0, 2)
            .Key("text", GgufValueType.String).U64(3).Raw([(byte)'a', 0xFF, (byte)'b'])
            .Key("texts", GgufValueType.Array).U32((uint)GgufValueType.String).U64(2).U64(2).Raw([0xC3, 0x28]).Text("ok")
            .Data(0).Parse().Metadata;

        Assert.Equal("a\uFFFDb", metadata.GetString("text"));
        var texts = metadata.FindStrings("texts")!;
        Assert.Equal(["\uFFFD(", "ok"], texts);
        Assert.Equal([0xC3, 0x28], texts.Utf8(0).ToArray());
    }

    [Theory]
    [InlineData(8)]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(4096)]
    public void Tensors_lie_aligned_and_hold_what_was_given(int alignment)
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter(alignment)
            .AddTensor("a", TensorType.F32, 3)
            .AddTensor("b", TensorType.Q8_0, 64, 5)
            .AddTensor("c", TensorType.F16, 7, 2, 3, 2);
        var path = folder.File("m.gguf");

        // A byte tells its tensor and place; pieces of 7 bytes.
        var piece = new byte[7];
        writer.Write(path, (tensor, offset) =>
        {
            var count = (int)Math.Min(piece.Length, tensor.Bytes - offset);
            for (var i = 0; i < count; i++)
            {
                piece[i] = (byte)(tensor.Name[0] * 31 + offset + i);
            }

            return piece.AsSpan(0, count);
        });

        using var file = GgufFile.Open(path);
        Assert.Equal(new FileInfo(path).Length, file.Size);
        Assert.Equal(0, file.Size % alignment);
        Assert.Equal(["a", "b", "c"], file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal((7, 12, 84L), (file.Tensors[2].Columns, file.Tensors[2].Rows, file.Tensors[2].Elements));
        foreach (var tensor in file.Tensors)
        {
            Assert.Equal(0, tensor.Offset % alignment);
            var bytes = new byte[tensor.Bytes];
            file.Read(tensor, 0, bytes);
            Assert.Equal(Enumerable.Range(0, bytes.Length).Select(i => (byte)(tensor.Name[0] * 31 + i)), bytes);
        }
    }

    [Fact]
    public void Typed_getters_take_every_width_that_holds_the_value()
    {
        var writer = new GgufWriter();
        object[] sevens = [(byte)7, (sbyte)7, (ushort)7, (short)7, 7u, 7, 7ul, 7L];
        for (var i = 0; i < sevens.Length; i++)
        {
            writer.Set($"seven{i}", sevens[i]);
        }

        writer.Set("double", 7.0).Set("float", 7f)
            .Set("bytes", new byte[] { 7 }).Set("uints", new[] { 7u }).Set("longs", new[] { 7L }).Set("doubles", new[] { 7.0 });
        var metadata = Read(writer);

        for (var i = 0; i < sevens.Length; i++)
        {
            Assert.Equal(7, metadata.GetInt32($"seven{i}"));
            Assert.Equal(7f, metadata.GetSingle($"seven{i}"));
        }

        Assert.Equal(7f, metadata.GetSingle("double"));
        Assert.Equal(7f, metadata.GetSingle("float"));
        foreach (var key in new[] { "bytes", "uints", "longs" })
        {
            Assert.Equal([7], metadata.FindInt32s(key)!);
            Assert.Equal([7f], metadata.FindSingles(key)!);
        }

        Assert.Equal([7f], metadata.FindSingles("doubles")!);
    }

    [Fact]
    public void Typed_getters_fall_back_only_where_the_key_is_absent()
    {
        var metadata = Read(new GgufWriter().Set("text", "x"));

        Assert.Equal(3, metadata.GetInt32("absent", 3));
        Assert.Equal(3f, metadata.GetSingle("absent", 3f));
        Assert.Equal("y", metadata.GetString("absent", "y"));
        Assert.True(metadata.GetBoolean("absent", true));
        Assert.Null(metadata.FindInt32s("absent"));
        Refused(() => metadata.GetInt32("text", 3), "'text'", "string", "integer");
        Refused(() => metadata.GetSingle("text", 3), "'text'", "string", "number");
        Refused(() => metadata.GetBoolean("text", true), "'text'", "string", "bool");
        Refused(() => metadata.FindStrings("text"), "'text'", "array of strings");
        Refused(() => metadata.GetInt32("absent"), "'absent'", "integer");
        Refused(() => metadata.GetString("absent"), "'absent'", "string");
    }

    [Fact]
    public void Typed_getters_refuse_what_would_lose_its_value()
    {
        var metadata = Read(new GgufWriter()
            .Set("large", 1UL << 63).Set("larges", new[] { 1, 1L << 31 }).Set("half", 0.5f).Set("halves", new[] { 0.5f })
            .Set("flags", new[] { true }));

        Refused(() => metadata.GetInt32("large"), "9223372036854775808", "int32");
        Refused(() => metadata.FindInt32s("larges"), "2147483648", "index 1");
        Refused(() => metadata.GetInt32("half"), "float32", "integer");
        Refused(() => metadata.FindInt32s("halves"), "array of float32", "integers");
        Refused(() => metadata.FindInt32s("flags"), "array of bool", "integers");
    }

    [Fact]
    public void The_writer_refuses_what_no_reader_would_take()
    {
        var writer = new GgufWriter().Set("a", 1).AddTensor("t", TensorType.F32, 8);

        Assert.Throws<ArgumentException>(() => writer.Set("a", 2));
        Assert.Throws<ArgumentException>(() => writer.Set("b", 1m));
        Assert.Throws<ArgumentException>(() => writer.Set("b", new[] { 'c' }));
        Assert.Throws<ArgumentException>(() => writer.Set("b", new object[] { 1 }));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("t", TensorType.F32, 8));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.Q4_K, 128));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", TensorType.F32, 8, 0));
        Assert.Throws<ArgumentException>(() => writer.AddTensor("u", (TensorType)5, 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => new GgufWriter(48));
    }

    static GgufMetadata Read(GgufWriter writer)
    {
        var (header, length) = writer.Header();
        return GgufParser.Parse("test.gguf", header, length).Metadata;
    }

    static void Refused(Action get, params string[] says)
    {
        var error = Assert.Throws<GgufException>(get);
        Assert.Equal("GgufInvalid", error.ErrorId);
        Assert.All(says, words => Assert.Contains(words, error.Message, StringComparison.Ordinal));
    }

    static void Refused<T>(Func<T> get, params string[] says) => Refused((Action)(() => get()), says);
}
