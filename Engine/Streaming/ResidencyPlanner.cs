using NvStream.Compute;
using NvStream.Models;

namespace NvStream.Streaming;

/// <summary>What the user asked of a plan.</summary>
/// <param name="DeviceBudget">Bytes.</param>
/// <param name="ContextLength">Tokens a sequence may have.</param>
/// <param name="KvTokens">Cells of the KV pool; null lets the planner choose.</param>
/// <param name="SlotCount">Slots of the belt; null lets the planner choose.</param>
/// <param name="HostBudget">Bytes of pinned host memory; of no use to a device whose memory is host memory.</param>
/// <param name="Companion">A draft model that shares the budget.</param>
public sealed record PlanRequest(long DeviceBudget, int ContextLength, int? KvTokens = null, int? SlotCount = null, long HostBudget = 0, CompanionDemand? Companion = null);

/// <summary>What a model that shares the device and the sequences takes of the budget.</summary>
/// <param name="Bytes">Whatever the number of cells, in bytes.</param>
/// <param name="BytesPerCell">Of each cell of the KV pool.</param>
public sealed record CompanionDemand(long Bytes, long BytesPerCell)
{
    /// <summary>Bytes in all, in whole units of the device's.</summary>
    public long BytesFor(int cells, long granularity) =>
        (MemoryCut.Up(Bytes) + MemoryCut.Up(BytesPerCell * cells) + granularity - 1) / granularity * granularity;
}

/// <summary>
/// Splits a budget among KV cache, work space, slots and resident layers, so that as few bytes as possible move a pass.
/// What does not fit the device lives in pinned host memory as far as that goes, the rest in storage. Streamed layers are
/// spread evenly among resident ones, and those from storage among those from host memory, so that storage goes on
/// reading while the others compute.
/// </summary>
public static class ResidencyPlanner
{
    /// <summary>Two slots keep storage busy: one fills while the other is computed with. A third would cost a resident layer.</summary>
    const int DefaultSlots = 2;

    /// <summary>Largest chunk of prefill first: longer chunks read the weights less often, but work space takes memory from layers.</summary>
    static readonly (int Rows, int Sequences)[] PassSizes = [(512, 64), (256, 64), (128, 32), (64, 32), (32, 16), (16, 8), (8, 4)];

    /// <summary>Share of the budget that work space may take before the chunk is made smaller.</summary>
    const double WorkspaceShare = 0.15;

    /// <summary>Where every layer is resident, spare memory makes room for this many full contexts.</summary>
    const int SpareContexts = 16;

    /// <exception cref="BudgetException">DeviceBudgetTooSmall, naming the least that would do.</exception>
    public static ResidencyPlan Plan(ModelSpec spec, IReadOnlyList<LayerLayout> layers, IComputeDevice device, PlanRequest request)
    {
        var unit = device.AllocationGranularity;
        var budget = request.DeviceBudget / unit * unit;
        var hostBudget = device.HostCopies is null ? 0 : request.HostBudget;
        var kvTokens = Math.Max(request.KvTokens ?? request.ContextLength, request.ContextLength);
        var kvBytes = MemoryCut.Up(KvCache.BytesOf(spec, kvTokens));
        var smallest = PassSizes[^1];
        var size = PassSizes.FirstOrDefault(
            s => WorkspaceBytes(device, spec, s) <= budget * WorkspaceShare, smallest);
        var workspace = WorkspaceBytes(device, spec, size);
        var slots = request.SlotCount ?? DefaultSlots;

        if (Choose(layers, slots, budget - kvBytes - workspace, hostBudget) is not { } choice)
        {
            // The least is what the smallest pass needs with the fewest bytes resident.
            var leanWorkspace = WorkspaceBytes(device, spec, smallest);
            if (size != smallest && Choose(layers, slots, budget - kvBytes - leanWorkspace, hostBudget) is { } lean)
            {
                (choice, size, workspace) = (lean, smallest, leanWorkspace);
            }
            else
            {
                var leanLayers = Choices(layers, slots).Min(c => c.DeviceBytes(slots));
                var least = kvBytes + leanWorkspace + leanLayers;
                throw BudgetException.DeviceTooSmall(
                    request.DeviceBudget, (least + unit - 1) / unit * unit,
                    $"{leanLayers} for {slots} slots and what must be resident, {kvBytes} for a KV cache of {kvTokens} tokens, {leanWorkspace} of work space"
                        + (unit > 1 ? $", in whole units of {unit}" : ""));
            }
        }

        var plan = new ResidencyPlan
        {
            Layers = [.. layers.Select((l, i) => new LayerPlacement(i, l.Name, choice.Tiers[i], l.Bytes))],
            DeviceBudget = budget,
            Granularity = unit,
            HostBudget = hostBudget,
            ResidentBytes = choice.BytesOf(Tier.Device),
            HostBytes = choice.BytesOf(Tier.Host),
            StagingBytes = choice.StagingBytes,
            SlotCount = choice.SlotBytes > 0 ? slots : 0,
            SlotBytes = choice.SlotBytes,
            KvTokens = kvTokens,
            KvBytes = kvBytes,
            WorkspaceBytes = workspace,
            PassRows = size.Rows,
            PassSequences = size.Sequences,
            ContextLength = request.ContextLength,
        };
        return request.KvTokens is null ? GrowKv(plan, spec) : plan;
    }

    static long WorkspaceBytes(IComputeDevice device, ModelSpec spec, (int Rows, int Sequences) size) =>
        Workspace.BytesOf(device, spec, size.Rows, ResidencyPlan.LogitsOf(size.Rows, size.Sequences));

    /// <summary>What no layer can use makes room for more sequences.</summary>
    static ResidencyPlan GrowKv(ResidencyPlan plan, ModelSpec spec)
    {
        var room = MemoryCut.Down(plan.KvBytes + plan.DeviceBudget - plan.TotalBytes);
        var tokens = (int)Math.Min((long)plan.ContextLength * SpareContexts, room / KvCache.BytesOf(spec, 1));
        return tokens > plan.KvTokens ? plan with { KvTokens = tokens, KvBytes = MemoryCut.Up(KvCache.BytesOf(spec, tokens)) } : plan;
    }

    /// <summary>The choice that fits and reads the fewest bytes from storage, then the fewest from host memory; null where none fits.</summary>
    static LayerSplit? Choose(IReadOnlyList<LayerLayout> layers, int slots, long deviceBytes, long hostBytes)
    {
        LayerSplit? best = null;
        foreach (var choice in Choices(layers, slots))
        {
            if (choice.DeviceBytes(slots) <= deviceBytes)
            {
                choice.MoveToHost(hostBytes);
                best = best is null || choice.IsBetterThan(best) ? choice : best;
            }
        }

        return best;
    }

    /// <summary>Each number of streamed layers, with the head resident or streamed: a head larger than the layers would widen every slot.</summary>
    static IEnumerable<LayerSplit> Choices(IReadOnlyList<LayerLayout> layers, int slots)
    {
        var blocks = layers.Count - 1;
        for (var streamed = 0; streamed <= blocks; streamed++)
        {
            // Layers that would all fit the slots at once take no less memory there than as residents.
            if (streamed == 0 || streamed > slots)
            {
                yield return new(layers, streamed, isHeadStreamed: false);
            }

            if (streamed + 1 > slots)
            {
                yield return new(layers, streamed, isHeadStreamed: true);
            }
        }
    }
}
