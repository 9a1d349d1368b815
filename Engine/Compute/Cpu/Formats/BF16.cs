using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>bfloat16: the upper half of a float32.</summary>
internal readonly unsafe struct BF16 : IFloatElement
{
    public static TensorType Type => TensorType.BF16;

    public static int Bytes => 2;

    public static float ToSingle(byte* element) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)element << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* elements)
        where TLanes : struct, IFloatLanes<TLanes> => TLanes.LoadBFloat16((short*)elements);
}
