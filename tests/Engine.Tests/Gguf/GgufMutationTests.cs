using System.Buffers.Binary;
using System.Diagnostics;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Gguf;

/// <summary>
/// Whatever is done to a header, parsing it ends soon, allocates little, and gives either a consistent model or a
/// <see cref="GgufException"/>. Seeds are fixed; a failure names base and number of its mutation.
/// </summary>
public class GgufMutationTests
{
    const long MaxAllocation = 100 << 20;

    static readonly TimeSpan s_maxTime = TimeSpan.FromSeconds(5);

    static readonly ulong[] s_numbers =
    [
        0, 1, 2, 3, 8, 9, 31, 255, 65535, int.MaxValue - 1, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, 1UL << 40,
        long.MaxValue - 31, long.MaxValue, 1UL << 63, ulong.MaxValue - 31, ulong.MaxValue,
    ];

    [Theory]
    [InlineData("values", 40_000)]
    [InlineData("tensors", 40_000)]
    [InlineData("nested", 20_000)]
    public void Mutated_small_headers_parse_or_are_refused(string name, int count)
    {
        var (bytes, length) = name switch
        {
            "values" => Values().Header(),
            "tensors" => Tensors().Header(),
            _ => Nested().Header(),
        };
        Array.Resize(ref bytes, (int)length);
        var accepted = Mutate(name, bytes, length, count);
        // Were none accepted or all, the mutations would miss what they are for.
        Assert.InRange(accepted, count / 100, count * 9 / 10);
    }

    [Theory]
    [InlineData("models/tiny-qwen3.gguf", 2_000)]
    [InlineData("tokenizers/ggml-vocab-llama-spm.gguf", 200)]
    public void Mutated_headers_of_real_files_parse_or_are_refused(string fixture, int count)
    {
        using var stream = File.OpenRead(Fixtures.Shared(fixture));
        var bytes = new byte[Math.Min(stream.Length, 1 << 20)];
        stream.ReadExactly(bytes);
        _ = Mutate(fixture, bytes, stream.Length, count);
    }

    [Fact]
    public void Mutated_files_open_or_are_refused()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("m.gguf");
        var (bytes, length) = Tensors().Header();
        Array.Resize(ref bytes, (int)length);
        var random = new Random(4);
        for (var i = 0; i < 500; i++)
        {
            var mutated = Mutated(bytes, random);
            File.WriteAllBytes(path, mutated);
            try
            {
                using var file = GgufFile.Open(path);
                foreach (var tensor in file.Tensors)
                {
                    file.Read(tensor, 0, new byte[tensor.Bytes]);
                }
            }
            catch (GgufException)
            {
            }
            catch (Exception error)
            {
                Assert.Fail($"mutation {i}: {error}");
            }
        }
    }

    static GgufWriter Values() => new GgufWriter()
        .Set("general.architecture", "llama").Set("u8", (byte)1).Set("i16", (short)2).Set("f64", 2.5).Set("flag", true)
        .Set("flags", new[] { true, false, true }).Set("tokens", new[] { "a", "bc", "def", "\u4F60\u597D" })
        .Set("scores", new[] { 1f, 2f, 3f, 4f }).Set("types", new[] { 1, 2, 3, 4 }).Set("general.alignment", 64u);

    static GgufWriter Tensors() => new GgufWriter()
        .Set("split.count", (ushort)1)
        .AddTensor("token_embd.weight", TensorType.Q8_0, 64, 4).AddTensor("blk.0.attn_q.weight", TensorType.F16, 8, 8)
        .AddTensor("blk.0.attn_norm.weight", TensorType.F32, 8).AddTensor("experts", TensorType.Q4_0, 32, 2, 2, 2);

    static GgufWriter Nested() => new GgufWriter()
        .Set("deep", new object[] { new object[] { new[] { 1, 2, 3 }, new[] { "x", "yz" } }, new object[] { Array.Empty<object>() } })
        .Set("wide", new object[] { new[] { 1.0 }, new[] { true }, new byte[] { 1 }, new ulong[] { 1 }, new[] { "w" } })
        .AddTensor("t", TensorType.F32, 2);

    /// <returns>How many mutations parsed.</returns>
    static int Mutate(string name, byte[] bytes, long length, int count)
    {
        var random = new Random(20);
        var accepted = 0;
        for (var i = 0; i < count; i++)
        {
            var mutated = Mutated(bytes, random);
            var mutatedLength = length - bytes.Length + mutated.Length;
            var (parsed, time, allocated) = Attempt($"{name}, mutation {i}", mutated, mutatedLength);
            accepted += parsed ? 1 : 0;
            // A busy machine may have taken the processor away: once more before it counts.
            time = time < s_maxTime ? time : Attempt(name, mutated, mutatedLength).Time;
            Assert.True(allocated < MaxAllocation, $"{name}, mutation {i} allocated {allocated} bytes");
            Assert.True(time < s_maxTime, $"{name}, mutation {i} took {time}");
        }

        return accepted;
    }

    static (bool Parsed, TimeSpan Time, long Allocated) Attempt(string name, byte[] bytes, long length)
    {
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        var parsed = false;
        try
        {
            Check(GgufParser.Parse(name, bytes, length), length);
            parsed = true;
        }
        catch (GgufException)
        {
        }
        catch (Exception error)
        {
            Assert.Fail($"{name}: {error}");
        }

        return (parsed, clock.Elapsed, GC.GetAllocatedBytesForCurrentThread() - allocated);
    }

    static void Check(GgufHeader header, long length)
    {
        foreach (var tensor in header.Tensors)
        {
            if (tensor.Offset < 0 || tensor.Bytes <= 0 || tensor.Bytes > length - tensor.Offset
                || tensor.Bytes != TensorTypes.BytesOf(tensor.Type, tensor.Elements))
            {
                throw new InvalidDataException($"accepted {tensor} in a file of {length} bytes");
            }
        }

        foreach (var strings in header.Metadata.Values.OfType<GgufStringArray>())
        {
            _ = strings.Sum(text => text.Length);
        }
    }

    /// <summary>One to three changes, each anywhere.</summary>
    static byte[] Mutated(byte[] original, Random random)
    {
        var bytes = new List<byte>(original);
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count + 1);
            var some = Math.Min(random.Next(1, 40), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 when some > 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when some > 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    Overwrite(bytes, at, random);
                    break;
                case 3:
                    bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : some);
                    break;
                case 4:
                    var inserted = new byte[random.Next(1, 40)];
                    random.NextBytes(inserted);
                    bytes.InsertRange(at, inserted);
                    break;
                default:
                    // A piece from elsewhere: fields of one kind where another is expected.
                    var from = random.Next(original.Length);
                    var length = Math.Min(random.Next(1, 80), original.Length - from);
                    bytes.InsertRange(at, original.AsSpan(from, length));
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>A 64-bit number of the kind that breaks readers, over what was there.</summary>
    static void Overwrite(List<byte> bytes, int at, Random random)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(number, random.Next(3) switch
        {
            0 => (ulong)random.NextInt64(),
            1 => (ulong)random.Next(bytes.Count * 2 + 1),
            _ => s_numbers[random.Next(s_numbers.Length)],
        });
        for (var i = 0; i < 8 && at + i < bytes.Count; i++)
        {
            bytes[at + i] = number[i];
        }
    }
}
