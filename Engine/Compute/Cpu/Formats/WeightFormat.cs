using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>
/// How one tensor type is read and multiplied on the CPU. A format is a struct that knows its block layout
/// (<see cref="IFloatElement"/>, <see cref="ISmallBlock"/>, <see cref="ISuperBlock"/>); the loops over rows, columns and
/// activations are written once and compiled for each.
/// </summary>
internal abstract unsafe class WeightFormat
{
    static readonly WeightFormat?[] Formats = CreateAll();

    protected WeightFormat(TensorType type, ActivationEncoding encoding)
    {
        Type = type;
        Encoding = encoding;
        (BlockElements, BlockBytes) = TensorTypes.Block(type);
    }

    public TensorType Type { get; }

    public int BlockElements { get; }

    public int BlockBytes { get; }

    /// <summary>What <see cref="Multiply"/> wants its activations encoded as.</summary>
    public ActivationEncoding Encoding { get; }

    /// <summary>The instruction sets that products use on this machine, for reports: "AVX2, AVX-512".</summary>
    public static string InstructionSets => !Avx2.IsSupported
        ? Dp.IsSupported ? NeonDot.Name : PortableDot.Name
        : Avx512BW.IsSupported ? $"{Avx2Dot.Name}, AVX-512" : Avx2Dot.Name;

    /// <summary>Bits of the widest vector that products use on this machine.</summary>
    public static int VectorWidth => !Avx2.IsSupported ? 128 : Avx512BW.IsSupported ? 512 : 256;

    /// <summary>The format of a type, or null when the type is not supported.</summary>
    public static WeightFormat? For(TensorType type) => (uint)type < (uint)Formats.Length ? Formats[(int)type] : null;

    /// <summary>A format over given instructions, panels and float vectors, which the machine must have.</summary>
    internal static WeightFormat? Create<TDot, TPanels, TLanes>(TensorType type)
        where TDot : struct, IDotInstructions
        where TPanels : struct, IPanels
        where TLanes : struct, IFloatLanes<TLanes> => type switch
        {
            TensorType.F32 => new FloatFormat<F32, TLanes>(),
            TensorType.F16 => new FloatFormat<F16, TLanes>(),
            TensorType.BF16 => new FloatFormat<BF16, TLanes>(),
            TensorType.Q4_0 => TPanels.CreateSmall<Q4_0, TDot>(),
            TensorType.Q4_1 => TPanels.CreateSmall<Q4_1, TDot>(),
            TensorType.Q5_0 => TPanels.CreateSmall<Q5_0, TDot>(),
            TensorType.Q5_1 => TPanels.CreateSmall<Q5_1, TDot>(),
            TensorType.Q8_0 => TPanels.CreateSmall<Q8_0, TDot>(),
            TensorType.IQ4_NL => TPanels.CreateSmall<IQ4_NL, TDot>(),
            TensorType.Q2_K => TPanels.CreateSuper<Q2_K, TDot>(),
            TensorType.Q3_K => TPanels.CreateSuper<Q3_K, TDot>(),
            TensorType.Q4_K => TPanels.CreateSuper<Q4_K, TDot>(),
            TensorType.Q5_K => TPanels.CreateSuper<Q5_K, TDot>(),
            TensorType.Q6_K => TPanels.CreateSuper<Q6_K, TDot>(),
            TensorType.IQ4_XS => TPanels.CreateSuper<IQ4_XS, TDot>(),
            TensorType.IQ3_XXS => TPanels.CreateSuper<IQ3_XXS, TDot>(),
            TensorType.IQ3_S => TPanels.CreateSuper<IQ3_S, TDot>(),
            _ => null,
        };

    /// <summary>Scalar reference of the encoding: <paramref name="values"/> is a whole number of blocks.</summary>
    public void Dequantize(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        var count = values.Length / BlockElements;
        if (count * BlockElements != values.Length || blocks.Length < (long)count * BlockBytes)
        {
            throw new ArgumentException($"{blocks.Length} bytes of {Type} are not {values.Length} elements.", nameof(blocks));
        }

        fixed (byte* source = blocks)
        fixed (float* destination = values)
        {
            Dequantize(source, count, destination);
        }
    }

    /// <summary>
    /// y[a * yStride + r] = weight row r . activation row a. Each result is the same bits whatever the counts of rows:
    /// it depends on its own two rows alone. Reads nothing outside the rows.
    /// </summary>
    /// <param name="rows">The first weight row; any alignment.</param>
    /// <param name="rowBytes">Bytes from one weight row to the next.</param>
    /// <param name="columns">Elements of a row, a multiple of <see cref="BlockElements"/>.</param>
    /// <param name="activations">Rows encoded by <see cref="Activations.Encode"/> as <see cref="Encoding"/>.</param>
    /// <param name="activationStride">Bytes from one activation row to the next.</param>
    /// <param name="yStride">Elements from the results of one activation row to those of the next.</param>
    /// <remarks>
    /// Activation rows are taken some at a time over all the weight rows, so with more of them a call's weight rows should
    /// fit the second-level cache. Rows are multiplied in eights or sixteens, of which a call should have whole ones.
    /// </remarks>
    public abstract void Multiply(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride);

    /// <summary>
    /// The same by definition: dequantized weights times decoded activations, in double precision. The oracle.
    /// </summary>
    public void MultiplyReference(
        byte* rows, long rowBytes, int rowCount, int columns,
        byte* activations, long activationStride, int activationRows, float* y, int yStride)
    {
        var weights = new float[columns];
        var values = new float[columns];
        fixed (float* w = weights, x = values)
        {
            for (var r = 0; r < rowCount; r++)
            {
                Dequantize(rows + r * rowBytes, columns / BlockElements, w);
                for (var a = 0; a < activationRows; a++)
                {
                    Activations.Decode(Encoding, activations + a * activationStride, columns, x);
                    var sum = 0.0;
                    for (var i = 0; i < columns; i++)
                    {
                        sum += (double)w[i] * x[i];
                    }

                    y[(long)a * yStride + r] = (float)sum;
                }
            }
        }
    }

    /// <summary>Dequantizes <paramref name="count"/> blocks.</summary>
    protected abstract void Dequantize(byte* blocks, int count, float* values);

    static WeightFormat?[] CreateAll()
    {
        var formats = new WeightFormat?[(int)TensorType.BF16 + 1];
        for (var type = 0; type < formats.Length; type++)
        {
            formats[type] = Create((TensorType)type);
        }

        return formats;
    }

    static WeightFormat? Create(TensorType type)
    {
        if (!Avx2.IsSupported)
        {
            return Dp.IsSupported
                ? Create<NeonDot, NoPanels, FloatLanes256>(type)
                : Create<PortableDot, NoPanels, FloatLanes256>(type);
        }

        return Avx512BW.IsSupported
            ? Create<Avx2Dot, Panels512, FloatLanes512>(type)
            : Create<Avx2Dot, Panels256, FloatLanes256>(type);
    }
}
