using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// Encodes activation rows for products. An F32 row is padded with zeros to 64 bytes. A Q8 row is a run of groups of 320
/// bytes, one for 256 elements, the last padded with zeros, so that kernels only ever see whole groups:
/// <code>
/// both     0  int8  quants[256]
/// Q8_32  256  float scales[8]      of each 32
///        288  float sums[8]        of the 32 quants: what a block's offset or minimum is multiplied by
/// Q8_256 256  float scale, then zeros
///        272  short wideSums[8]    of each 32 quants
///        288  short sums[16]       of each 16 quants: those of groups 0, 2, .. 14, then those of 1, 3, .. 15
/// </code>
/// An infinity or a NaN makes its group's scale not finite, and so every product with it.
/// </summary>
internal static unsafe class Activations
{
    /// <summary>Elements of a group.</summary>
    public const int GroupElements = 256;

    public const int GroupBytes = 320;

    public const int ScalesOffset = 256;

    public const int WideSumsOffset = 272;

    public const int SumsOffset = 288;

    // Below this the reciprocal of the scale would overflow; such a row is zero for every practical purpose.
    const float SmallestMaximum = 1e-35f;

    /// <summary>Bytes of an encoded row of <paramref name="columns"/> elements: a multiple of 64.</summary>
    public static long RowBytes(ActivationEncoding encoding, int columns) => encoding == ActivationEncoding.F32
        ? (columns * 4L + 63) / 64 * 64
        : (columns + GroupElements - 1L) / GroupElements * GroupBytes;

    /// <summary>
    /// Encodes <paramref name="columns"/> floats into the <see cref="RowBytes"/> bytes at <paramref name="destination"/>.
    /// The same bits on every machine: maxima and integer sums do not depend on their order.
    /// </summary>
    public static void Encode(ActivationEncoding encoding, float* x, int columns, byte* destination) =>
        EncodeRow(encoding, x, columns, destination, reference: false);

    /// <summary><see cref="Encode"/> in scalar code.</summary>
    public static void EncodeReference(ActivationEncoding encoding, float* x, int columns, byte* destination) =>
        EncodeRow(encoding, x, columns, destination, reference: true);

    /// <summary>The values that an encoded row stands for.</summary>
    public static void Decode(ActivationEncoding encoding, byte* row, int columns, float* x)
    {
        for (var i = 0; i < columns; i++)
        {
            var group = row + (long)(i / GroupElements) * GroupBytes;
            var scales = (float*)(group + ScalesOffset);
            x[i] = encoding switch
            {
                ActivationEncoding.F32 => ((float*)row)[i],
                ActivationEncoding.Q8_32 => scales[i % GroupElements / 32] * ((sbyte*)group)[i % GroupElements],
                _ => scales[0] * ((sbyte*)group)[i % GroupElements],
            };
        }
    }

    static void EncodeRow(ActivationEncoding encoding, float* x, int columns, byte* destination, bool reference)
    {
        Debug.Assert(columns > 0);
        if (encoding == ActivationEncoding.F32)
        {
            var bytes = columns * 4L;
            Buffer.MemoryCopy(x, destination, bytes, bytes);
            NativeMemory.Clear(destination + bytes, (nuint)(RowBytes(encoding, columns) - bytes));
            return;
        }

        var whole = columns / GroupElements * GroupElements;
        for (var first = 0; first < whole; first += GroupElements, destination += GroupBytes)
        {
            EncodeGroup(encoding, x + first, destination, reference);
        }

        if (whole < columns)
        {
            var padded = stackalloc float[GroupElements];
            new Span<float>(padded, GroupElements).Clear();
            new ReadOnlySpan<float>(x + whole, columns - whole).CopyTo(new Span<float>(padded, GroupElements));
            EncodeGroup(encoding, padded, destination, reference);
        }
    }

    static void EncodeGroup(ActivationEncoding encoding, float* x, byte* group, bool reference)
    {
        switch (encoding, reference)
        {
            case (ActivationEncoding.Q8_32, false):
                EncodeBlocks(x, group);
                break;
            case (ActivationEncoding.Q8_32, true):
                EncodeBlocksReference(x, group);
                break;
            case (_, false):
                EncodeSuperBlock(x, group);
                break;
            default:
                EncodeSuperBlockReference(x, group);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void EncodeBlocks(float* x, byte* group)
    {
        for (var block = 0; block < 8; block++)
        {
            var x0 = Vector256.Load(x + block * 32);
            var x1 = Vector256.Load(x + block * 32 + 8);
            var x2 = Vector256.Load(x + block * 32 + 16);
            var x3 = Vector256.Load(x + block * 32 + 24);
            var largest = Largest(Vector256.Max(
                Vector256.Max(Vector256.Abs(x0), Vector256.Abs(x1)),
                Vector256.Max(Vector256.Abs(x2), Vector256.Abs(x3))));
            var (scale, inverse) = BlockScale(largest);
            var factor = Vector256.Create(inverse);
            var q0 = Quantize(x0, factor);
            var q1 = Quantize(x1, factor);
            var q2 = Quantize(x2, factor);
            var q3 = Quantize(x3, factor);
            Vector256.Narrow(Vector256.Narrow(q0, q1), Vector256.Narrow(q2, q3)).Store((sbyte*)group + block * 32);
            ((float*)(group + ScalesOffset))[block] = scale;
            ((float*)(group + SumsOffset))[block] = Vector256.Sum(q0 + q1 + (q2 + q3));
        }
    }

    static void EncodeBlocksReference(float* x, byte* group)
    {
        for (var block = 0; block < 8; block++)
        {
            var largest = 0f;
            for (var i = 0; i < 32; i++)
            {
                largest = MathF.Max(largest, MathF.Abs(x[block * 32 + i]));
            }

            var (scale, inverse) = BlockScale(largest);
            var sum = 0;
            for (var i = 0; i < 32; i++)
            {
                var q = Quantize(x[block * 32 + i], inverse);
                ((sbyte*)group)[block * 32 + i] = (sbyte)q;
                sum += q;
            }

            ((float*)(group + ScalesOffset))[block] = scale;
            ((float*)(group + SumsOffset))[block] = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void EncodeSuperBlock(float* x, byte* group)
    {
        var largest = Vector256.Load(x);
        var smallest = largest;
        for (var i = 8; i < GroupElements; i += 8)
        {
            var values = Vector256.Load(x + i);
            largest = Vector256.Max(largest, values);
            smallest = Vector256.Min(smallest, values);
        }

        var (scale, inverse) = SuperBlockScale(Largest(largest), -Largest(-smallest));
        var factor = Vector256.Create(inverse);
        StoreScale(group, scale);
        for (var i = 0; i < 16; i++)
        {
            var low = Quantize(Vector256.Load(x + i * 16), factor);
            var high = Quantize(Vector256.Load(x + i * 16 + 8), factor);
            var quants = Vector256.Narrow(low, high);
            Vector128.Narrow(quants.GetLower(), quants.GetUpper()).Store((sbyte*)group + i * 16);
            SumOf16(group, i) = (short)Vector256.Sum(low + high);
        }

        StoreWideSums(group);
    }

    static void EncodeSuperBlockReference(float* x, byte* group)
    {
        var largest = x[0];
        var smallest = x[0];
        for (var i = 1; i < GroupElements; i++)
        {
            largest = MathF.Max(largest, x[i]);
            smallest = MathF.Min(smallest, x[i]);
        }

        var (scale, inverse) = SuperBlockScale(largest, smallest);
        StoreScale(group, scale);
        for (var i = 0; i < 16; i++)
        {
            var sum = 0;
            for (var j = i * 16; j < i * 16 + 16; j++)
            {
                var q = Quantize(x[j], inverse);
                ((sbyte*)group)[j] = (sbyte)q;
                sum += q;
            }

            SumOf16(group, i) = (short)sum;
        }

        StoreWideSums(group);
    }

    static void StoreScale(byte* group, float scale) =>
        Vector256.CreateScalar(scale).Store((float*)(group + ScalesOffset));

    static void StoreWideSums(byte* group)
    {
        var sums = (short*)(group + SumsOffset);
        (Vector128.Load(sums) + Vector128.Load(sums + 8)).Store((short*)(group + WideSumsOffset));
    }

    static ref short SumOf16(byte* group, int index) => ref ((short*)(group + SumsOffset))[index / 2 + index % 2 * 8];

    /// <summary>Scale and reciprocal of a block: its largest magnitude becomes 127 (ggml, quantize_row_q8_0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (float Scale, float Inverse) BlockScale(float largest) =>
        largest < SmallestMaximum ? (0, 0) : (largest / 127f, 127f / largest);

    /// <summary>Of a super-block: the element of the largest magnitude becomes -127 (ggml, quantize_row_q8_K).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (float Scale, float Inverse) SuperBlockScale(float largest, float smallest)
    {
        var extreme = largest >= -smallest ? largest : smallest;
        if (MathF.Abs(extreme) < SmallestMaximum)
        {
            return (0, 0);
        }

        var inverse = -127f / extreme;
        return (1f / inverse, inverse);
    }

    // Rounds to the nearest, ties to even, as the vector instructions do; a NaN becomes 0.
    static int Quantize(float x, float inverse) => (int)MathF.Round(x * inverse);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Quantize(Vector256<float> x, Vector256<float> inverse) =>
        Vector256.ConvertToInt32(Vector256.Round(x * inverse));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static float Largest(Vector256<float> x)
    {
        var four = Vector128.Max(x.GetLower(), x.GetUpper());
        var two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
