using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>float16: sign, 5 bits of exponent, 10 of fraction.</summary>
internal readonly unsafe struct F16 : IFloatElement
{
    public static TensorType Type => TensorType.F16;

    public static int Bytes => 2;

    public static float ToSingle(byte* element) => Float16.ToSingle(element);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* elements)
        where TLanes : struct, IFloatLanes<TLanes> => TLanes.LoadFloat16((short*)elements);
}
