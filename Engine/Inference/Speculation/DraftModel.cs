using System.Diagnostics;
using NvStream.Compute;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Inference.Speculation;

/// <summary>
/// A small model that reads along and says how a text will probably go on. It is wholly resident on a device of its own
/// (on the same card), and its KV pool has the cells of the model it drafts for, so that a sequence has the same place in
/// both. Used by the scheduler's thread.
/// </summary>
sealed class DraftModel : IDisposable
{
    /// <summary>Rows of a pass: the prompts' chunk, and two tokens of each sequence.</summary>
    const int PassRows = 128;
    const int PassSequences = PassRows / 2;

    readonly ModelFile _model;
    readonly KvCache _cache;
    readonly Workspace _work;
    readonly WeightStore _weights;
    readonly Decoder _decoder;
    readonly LogitReader _logits;
    readonly Sampler _sampler;
    readonly Pass _pass = new(PassRows, PassSequences, PassSequences);
    readonly Owned _owned;
    UsualTime _step;

    DraftModel(ModelFile model, IComputeDevice device, RouteOptions routing, int cells, Owned owned, Action<long> onLoaded, CancellationToken cancellationToken)
    {
        _model = model;
        _owned = owned;
        var plan = PlanFor(model, device, cells);
        device.Reserve(plan.ReservedBytes);

        // Its file may lie where the other model's route does not lead, and is read only once.
        var route = owned.Add(StorageRoutes.Open(RouteKind.Auto, model.File, device, routing));
        _cache = owned.Add(new KvCache(device, model.Spec, cells));
        _work = owned.Add(new Workspace(device, model.Spec, PassRows, PassSequences));
        _weights = owned.Add(new WeightStore(device, route, model.Layers, plan));
        _weights.Load(onLoaded, cancellationToken);
        _decoder = new(device, model.File, model.Spec, model.Layers);
        _logits = new(device, PassSequences, model.Tokenizer.VocabularySize);
        _sampler = new(model.Tokenizer.VocabularySize);
    }

    /// <summary>Full path of its (first) file.</summary>
    public string Path => _model.File.Path;

    /// <summary>What a proposed token usually takes, of all sequences that one was proposed for at a time; 0 before that is known.</summary>
    public double StepSeconds => _step.IsKnown ? _step.Seconds : 0;

    /// <summary>What it takes of the device that both models share.</summary>
    public static CompanionDemand DemandOf(ModelFile model, IComputeDevice device)
    {
        var plan = PlanFor(model, device, 0);
        return new(plan.TotalBytes, KvCache.BytesOf(model.Spec, 1));
    }

    /// <param name="model">Owned from here on, like <paramref name="device"/>; its layers have been read.</param>
    /// <param name="cells">Of the KV pool of the model that it drafts for.</param>
    /// <param name="onLoaded">Called with the bytes of each layer as it arrives.</param>
    public static DraftModel Load(
        ModelFile model, IComputeDevice device, RouteOptions routing, int cells, Action<long> onLoaded, CancellationToken cancellationToken)
    {
        var owned = new Owned();
        owned.Add(model);
        owned.Add(device);
        try
        {
            return new(model, device, routing, cells, owned, onLoaded, cancellationToken);
        }
        catch
        {
            owned.Dispose();
            throw;
        }
    }

    /// <summary>Fills in what the sequences' proposals count: token by token, all sequences in one pass.</summary>
    public void Propose(List<Sequence> sequences, CancellationToken cancellationToken)
    {
        foreach (var sequence in sequences)
        {
            sequence.Proposals.Follow(this);
            sequence.Proposals.State = sequence.State;
        }

        while (CatchUp(sequences))
        {
            Forward(candidates: 0, cancellationToken);
        }

        var start = Stopwatch.GetTimestamp();
        var (steps, proposed) = (0, 0);
        for (int count; (count = Join(sequences, steps, out var candidates)) > 0; steps++, proposed += count)
        {
            Forward(candidates, cancellationToken);
            Choose(sequences, steps);
        }

        _step.Learn(1, Stopwatch.GetElapsedTime(start).TotalSeconds / Math.Max(1, proposed), _step.LastPass + 1);
    }

    /// <summary>A pass goes by without it: what it takes may have been seen in a bad time, and it is tried again some day.</summary>
    public void Rest() => _step.Fade();

    /// <summary>The weights before the rest: they wait for work that was given up.</summary>
    public void Dispose() => _owned.Dispose();

    static ResidencyPlan PlanFor(ModelFile model, IComputeDevice device, int cells)
    {
        var workspace = Workspace.BytesOf(device, model.Spec, PassRows, PassSequences);
        var plan = new ResidencyPlan
        {
            Layers = [.. model.Layers.Select((l, i) => new LayerPlacement(i, l.Name, Tier.Device, l.Bytes))],
            DeviceBudget = long.MaxValue,
            Granularity = device.AllocationGranularity,
            HostBudget = 0,
            ResidentBytes = model.Layers.Sum(l => l.Bytes),
            HostBytes = 0,
            StagingBytes = 0,
            SlotCount = 0,
            SlotBytes = 0,
            KvTokens = cells,
            KvBytes = MemoryCut.Up(KvCache.BytesOf(model.Spec, cells)),
            WorkspaceBytes = workspace,
            PassRows = PassRows,
            PassSequences = PassSequences,
            ContextLength = cells,
        };
        return plan with { DeviceBudget = plan.ReservedBytes };
    }

    /// <summary>Puts into the pass what the model has not read of the sequences, but for their last two tokens; false where there is nothing.</summary>
    bool CatchUp(List<Sequence> sequences)
    {
        _pass.Clear();
        foreach (var sequence in sequences)
        {
            var proposals = sequence.Proposals;
            var behind = sequence.Tokens.Length - proposals.ModelTokens;
            if (behind > 2 && _pass.HasRoom)
            {
                var rows = Math.Min(_pass.FreeRows, behind - 1);
                _pass.Add(sequence.Tokens.Slice(proposals.ModelTokens, rows), sequence.KvStart, proposals.ModelTokens, logits: 0);
                proposals.ModelTokens += rows;
            }
        }

        return _pass.Rows > 0;
    }

    /// <summary>Puts into the pass the last tokens of those sequences that more is wanted for; returns how many these are.</summary>
    int Join(List<Sequence> sequences, int step, out int candidates)
    {
        _pass.Clear();
        (var count, candidates) = (0, 0);
        foreach (var sequence in sequences)
        {
            var proposals = sequence.Proposals;
            if (proposals.Count > step)
            {
                var known = sequence.Tokens.Length + step;
                _pass.Add(sequence.TokensWithProposals[proposals.ModelTokens..known], sequence.KvStart, proposals.ModelTokens, logits: 1, isDecoding: true);
                proposals.ModelTokens = known;
                candidates = Math.Max(candidates, sequence.Candidates);
                count++;
            }
        }

        return count;
    }

    void Forward(int candidates, CancellationToken cancellationToken)
    {
        _decoder.Forward(_pass, _weights, _cache, _work, cancellationToken);
        _logits.Await(_work.Logits(_pass.LogitRows.Length), candidates);
    }

    /// <summary>With the random numbers that the sequence itself will choose with: where both models agree, so do the choices.</summary>
    void Choose(List<Sequence> sequences, int step)
    {
        var row = 0;
        foreach (var sequence in sequences)
        {
            if (sequence.Proposals.Count > step)
            {
                sequence.ProposalSpace[step] = sequence.Choose(_logits, row++, _sampler, sequence.Tokens.Length + step, ref sequence.Proposals.State);
            }
        }
    }
}
