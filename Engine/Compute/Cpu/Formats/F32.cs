using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>float32.</summary>
internal readonly unsafe struct F32 : IFloatElement
{
    public static TensorType Type => TensorType.F32;

    public static int Bytes => 4;

    public static float ToSingle(byte* element) => *(float*)element;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* elements)
        where TLanes : struct, IFloatLanes<TLanes> => TLanes.Load((float*)elements);
}
