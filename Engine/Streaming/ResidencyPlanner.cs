using NvStream.Compute;
using NvStream.Models;

namespace NvStream.Streaming;

/// <summary>What the user asked of a plan.</summary>
/// <param name="DeviceBudget">Bytes.</param>
/// <param name="ContextLength">Tokens a sequence may have.</param>
/// <param name="KvTokens">Cells of the KV pool; null lets the planner choose.</param>
/// <param name="SlotCount">Slots of the belt; null lets the planner choose.</param>
public sealed record PlanRequest(long DeviceBudget, int ContextLength, int? KvTokens = null, int? SlotCount = null);

/// <summary>
/// Splits a budget among KV cache, work space, slots and resident layers, so that as few bytes as possible move a pass.
/// Streamed layers are spread evenly among resident ones, so that storage goes on reading while resident layers compute.
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
        var kvTokens = Math.Max(request.KvTokens ?? request.ContextLength, request.ContextLength);
        var kvBytes = KvCache.BytesOf(spec, kvTokens);
        var smallest = PassSizes[^1];
        var size = PassSizes.FirstOrDefault(
            s => Workspace.BytesOf(device, spec, s.Rows, s.Sequences) <= request.DeviceBudget * WorkspaceShare, smallest);
        var workspace = Workspace.BytesOf(device, spec, size.Rows, size.Sequences);
        var slots = request.SlotCount ?? DefaultSlots;

        var forLayers = request.DeviceBudget - kvBytes - workspace;
        if (Choose(layers, slots, forLayers) is not { } choice)
        {
            // The least is what the smallest pass needs with the fewest bytes resident.
            var leanWorkspace = Workspace.BytesOf(device, spec, smallest.Rows, smallest.Sequences);
            if (size != smallest && Choose(layers, slots, request.DeviceBudget - kvBytes - leanWorkspace) is { } lean)
            {
                (choice, size, workspace) = (lean, smallest, leanWorkspace);
            }
            else
            {
                var leanLayers = LeastForLayers(layers, slots);
                throw BudgetException.DeviceTooSmall(
                    request.DeviceBudget, kvBytes + leanWorkspace + leanLayers,
                    $"{leanLayers} for {slots} slots and what must be resident, {kvBytes} for a KV cache of {kvTokens} tokens, {leanWorkspace} of work space");
            }
        }

        var plan = new ResidencyPlan
        {
            Layers = [.. layers.Select((l, i) => new LayerPlacement(i, l.Name, choice.IsStreamed[i] ? Tier.Storage : Tier.Device, l.Bytes))],
            DeviceBudget = request.DeviceBudget,
            ResidentBytes = choice.ResidentBytes,
            SlotCount = choice.StreamedBytes > 0 ? slots : 0,
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

    /// <summary>What no layer can use makes room for more sequences.</summary>
    static ResidencyPlan GrowKv(ResidencyPlan plan, ModelSpec spec)
    {
        var spare = plan.DeviceBudget - plan.TotalBytes;
        var tokens = (int)Math.Min((long)plan.ContextLength * SpareContexts, plan.KvTokens + spare / KvCache.BytesOf(spec, 1));
        return plan with { KvTokens = Math.Max(plan.KvTokens, tokens), KvBytes = KvCache.BytesOf(spec, Math.Max(plan.KvTokens, tokens)) };
    }

    /// <summary>The choice that streams the fewest bytes and fits; null where none fits.</summary>
    static Choice? Choose(IReadOnlyList<LayerLayout> layers, int slots, long bytes)
    {
        Choice? best = null;
        foreach (var choice in Choices(layers, slots))
        {
            if (choice.ResidentBytes + choice.SlotBytes * slots <= bytes && (best is null || choice.StreamedBytes < best.StreamedBytes))
            {
                best = choice;
            }
        }

        return best;
    }

    static long LeastForLayers(IReadOnlyList<LayerLayout> layers, int slots) =>
        Choices(layers, slots).Min(c => c.ResidentBytes + c.SlotBytes * slots);

    /// <summary>Each number of streamed layers, with the head resident or streamed: a head larger than the layers would widen every slot.</summary>
    static IEnumerable<Choice> Choices(IReadOnlyList<LayerLayout> layers, int slots)
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

    sealed class Choice
    {
        public Choice(IReadOnlyList<LayerLayout> layers, int streamed, bool isHeadStreamed)
        {
            var blocks = layers.Count - 1;
            IsStreamed = new bool[layers.Count];
            IsStreamed[blocks] = isHeadStreamed;
            for (var i = 0; i < streamed; i++)
            {
                IsStreamed[(int)((2L * i + 1) * blocks / (2L * streamed))] = true;
            }

            for (var i = 0; i < layers.Count; i++)
            {
                if (IsStreamed[i])
                {
                    StreamedBytes += layers[i].Bytes;
                    SlotBytes = Math.Max(SlotBytes, layers[i].Bytes);
                }
                else
                {
                    ResidentBytes += layers[i].Bytes;
                }
            }
        }

        public bool[] IsStreamed { get; }

        public long ResidentBytes { get; }

        public long StreamedBytes { get; }

        public long SlotBytes { get; }
    }
}
