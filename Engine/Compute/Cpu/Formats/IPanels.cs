using System.Runtime.Intrinsics;

namespace NvStream.Compute.Cpu.Formats;

/// <summary>Which panels products with many activation rows use.</summary>
internal interface IPanels
{
    static abstract WeightFormat CreateSmall<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISmallBlock
        where TDot : struct, IDotInstructions;

    static abstract WeightFormat CreateSuper<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISuperBlock
        where TDot : struct, IDotInstructions;
}

internal readonly struct NoPanels : IPanels
{
    public static WeightFormat CreateSmall<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISmallBlock
        where TDot : struct, IDotInstructions => new BlockFormat<TBlock, SmallBlockProduct<TBlock, TDot>, NoPanel>();

    public static WeightFormat CreateSuper<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISuperBlock
        where TDot : struct, IDotInstructions => new BlockFormat<TBlock, SuperBlockProduct<TBlock, TDot>, NoPanel>();
}

internal readonly struct Panels256 : IPanels
{
    public static WeightFormat CreateSmall<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISmallBlock
        where TDot : struct, IDotInstructions =>
        new BlockFormat<TBlock, SmallBlockProduct<TBlock, TDot>, SmallBlockPanel<TBlock, TDot, PanelLanes256, Vector256<int>>>();

    public static WeightFormat CreateSuper<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISuperBlock
        where TDot : struct, IDotInstructions =>
        new BlockFormat<TBlock, SuperBlockProduct<TBlock, TDot>, SuperBlockPanel<TBlock, TDot, PanelLanes256, Vector256<int>>>();
}

internal readonly struct Panels512 : IPanels
{
    public static WeightFormat CreateSmall<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISmallBlock
        where TDot : struct, IDotInstructions =>
        new BlockFormat<TBlock, SmallBlockProduct<TBlock, TDot>, SmallBlockPanel<TBlock, TDot, PanelLanes512, Vector512<int>>>();

    public static WeightFormat CreateSuper<TBlock, TDot>()
        where TBlock : struct, IWeightBlock, ISuperBlock
        where TDot : struct, IDotInstructions =>
        new BlockFormat<TBlock, SuperBlockProduct<TBlock, TDot>, SuperBlockPanel<TBlock, TDot, PanelLanes512, Vector512<int>>>();
}
