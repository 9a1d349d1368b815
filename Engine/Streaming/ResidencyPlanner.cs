using NvStream.Compute;
using NvStream.Models;

namespace NvStream.Streaming;

/// <summary>
/// Splits a budget among KV cache, work space, slots and resident layers, so that as few bytes as possible move a pass.
/// What does not fit the device lives in pinned host memory as far as that goes, the rest in storage. Streamed layers are
/// spread evenly among resident ones, and those from storage among those from host memory, so that storage goes on
/// reading while the others compute. A model that drafts takes its part of the budget first.
/// </summary>
public static class ResidencyPlanner
{
    /// <summary>
    /// Two slots keep storage busy. While one layer is read the next is asked for already, so that its reads follow
    /// without a pause, and its slot has been free since the layer before it was computed. Only where layers from host
    /// memory lie between two that are read is the second asked for when the first has arrived: a pause of a few
    /// hand-overs between threads. Simulated for 41 streamed layers of 0.5 GB, of which 26 are read at 2.2 GB/s and the
    /// link carries 55 GB/s: 3 ms of a pass of 6.2 s. A third slot costs a resident layer, one more to be read every
    /// pass: 0.24 s.
    /// </summary>
    const int DefaultSlots = 2;

    /// <summary>Largest chunk of prefill first: longer chunks read the weights less often, but work space takes memory from layers.</summary>
    static readonly PassSize[] s_sizes = [new(512, 64), new(256, 64), new(128, 32), new(64, 32), new(32, 16), new(16, 8), new(8, 4)];

    /// <summary>Rows of chunks for models that stream, where arithmetic still waits for bytes at 512.</summary>
    static readonly int[] s_longChunks = [1024, 2048, 4096];

    /// <summary>Share of the budget that work space may take before the chunk is made smaller.</summary>
    const double WorkspaceShare = 0.15;

    /// <summary>The same of a long chunk: every pass of decoding pays for it with layers that stream.</summary>
    const double LongChunkShare = 0.05;

    /// <summary>
    /// How much longer than with the shortest of them a pass's bytes may take to arrive: each doubling of a chunk halves the
    /// time of a prompt, but layers pushed out of the device are paid for by every token that is decoded.
    /// </summary>
    const double LongChunkDelay = 1.06;

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
        var companion = request.Companion?.BytesFor(kvTokens, unit) ?? 0;
        var slots = request.SlotCount ?? DefaultSlots;
        var own = budget - companion;

        // The least is what the smallest pass needs with the fewest bytes resident.
        var smallest = s_sizes[^1];
        var chosen = Fit(s_sizes.FirstOrDefault(s => WorkspaceOf(s) <= own * WorkspaceShare, smallest));
        chosen = chosen.Split is null && chosen.Size != smallest ? Fit(smallest) : chosen;
        if (chosen.Split is null)
        {
            var leanLayers = Choices(layers, slots).Min(c => c.DeviceBytes(slots));
            var least = (kvBytes + chosen.WorkspaceBytes + leanLayers + unit - 1) / unit * unit + companion;
            throw BudgetException.DeviceTooSmall(
                request.DeviceBudget, least,
                $"{leanLayers} for {slots} slots and what must be resident, {kvBytes} for a KV cache of {kvTokens} tokens, "
                    + $"{chosen.WorkspaceBytes} of work space"
                    + (companion > 0 ? $", {companion} for the draft model" : "")
                    + (unit > 1 ? $", in whole units of {unit}" : ""));
        }

        if (request.Rates is { } rates && chosen.Size == s_sizes[0])
        {
            chosen = Lengthen(chosen, rates);
        }

        var split = chosen.Split!;
        var tiers = split.Tiers();
        var plan = new ResidencyPlan
        {
            Layers = [.. layers.Select((l, i) => new LayerPlacement(i, l.Name, tiers[i], l.Bytes))],
            DeviceBudget = budget,
            Granularity = unit,
            HostBudget = hostBudget,
            ResidentBytes = split.ResidentBytes,
            HostBytes = split.HostBytes,
            StagingBytes = split.StagingBytes,
            SlotCount = split.SlotBytes > 0 ? slots : 0,
            SlotBytes = split.SlotBytes,
            KvTokens = kvTokens,
            KvBytes = kvBytes,
            WorkspaceBytes = chosen.WorkspaceBytes,
            PassRows = chosen.Size.Rows,
            PassSequences = chosen.Size.Sequences,
            ContextLength = request.ContextLength,
            CompanionBytes = companion,
        };
        return request.KvTokens is null ? GrowKv(plan, spec, request.Companion) : plan;

        long WorkspaceOf(PassSize size) => Workspace.BytesOf(device, spec, size.Rows, ResidencyPlan.LogitsOf(size.Rows, size.Sequences));

        Fitted Fit(PassSize size)
        {
            var workspace = WorkspaceOf(size);
            return new(size, workspace, Choose(layers, slots, own - kvBytes - workspace, hostBudget));
        }

        // The smallest chunk whose arithmetic takes as long as its bytes do to arrive, as far as its work space is worth it.
        Fitted Lengthen(Fitted shortest, PlanRates rates)
        {
            var weights = ProductsOfRow(layers);
            var chunk = shortest;
            foreach (var rows in s_longChunks)
            {
                if (chunk.Size.Rows * weights / rates.Arithmetic >= chunk.ArrivalTime(rates) || rows > kvTokens)
                {
                    break;
                }

                var longer = Fit(chunk.Size with { Rows = rows });
                if (longer.Split is null || longer.WorkspaceBytes > own * LongChunkShare
                    || longer.ArrivalTime(rates) > shortest.ArrivalTime(rates) * LongChunkDelay)
                {
                    break;
                }

                chunk = longer;
            }

            return chunk;
        }
    }

    /// <summary>What no layer can use makes room for more sequences.</summary>
    static ResidencyPlan GrowKv(ResidencyPlan plan, ModelSpec spec, CompanionDemand? companion)
    {
        var (best, most) = (plan, (long)plan.ContextLength * SpareContexts);
        while (best.KvTokens < most)
        {
            var tokens = best.KvTokens + (most - best.KvTokens + 1) / 2;
            var grown = plan with
            {
                KvTokens = (int)tokens,
                KvBytes = MemoryCut.Up(KvCache.BytesOf(spec, tokens)),
                CompanionBytes = companion?.BytesFor(tokens, plan.Granularity) ?? 0,
            };
            (best, most) = tokens <= int.MaxValue && grown.TotalBytes <= plan.DeviceBudget ? (grown, most) : (best, tokens - 1);
        }

        return best;
    }

    /// <summary>Multiply-adds of one prompt row: its products with all layers but the head, which only rows that want logits see.</summary>
    static double ProductsOfRow(IReadOnlyList<LayerLayout> layers)
    {
        double elements = 0;
        var tensors = Enum.GetValues<LayerTensor>();
        foreach (var layer in layers.SkipLast(1))
        {
            foreach (var tensor in tensors)
            {
                elements += (double)layer[tensor].Rows * layer[tensor].Columns;
            }
        }

        return elements;
    }

    /// <summary>The choice that fits and reads the fewest bytes from storage, then the fewest from host memory; null where none fits.</summary>
    static LayerSplit? Choose(IReadOnlyList<LayerLayout> layers, int slots, long deviceBytes, long hostBytes)
    {
        LayerSplit? best = null;
        foreach (var choice in Choices(layers, slots))
        {
            // Host memory takes its whole budget from storage at best.
            var cannotWin = best is not null && choice.StorageBytes - hostBytes > best.StorageBytes;
            if (!cannotWin && choice.DeviceBytes(slots) <= deviceBytes)
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

    readonly record struct PassSize(int Rows, int Sequences);

    /// <summary>A size of passes, and the layers' places beside it; no split where it does not fit.</summary>
    sealed record Fitted(PassSize Size, long WorkspaceBytes, LayerSplit? Split)
    {
        public double ArrivalTime(PlanRates rates) => rates.ArrivalTime(Split!.StorageBytes, Split.HostBytes);
    }
}
