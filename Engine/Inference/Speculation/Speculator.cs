using System.Diagnostics;

namespace NvStream.Inference.Speculation;

/// <summary>
/// Proposes tokens for the sequences of a pass before it is made, and learns from what became of them. Used by the
/// scheduler's thread, but for <see cref="Model"/>.
/// </summary>
/// <param name="passRows">Rows of the largest pass.</param>
/// <param name="passLogits">Rows of a pass whose logits can be wanted.</param>
sealed class Speculator(int passRows, int passLogits)
{
    /// <summary>Proposed at a time where the caller says who is to propose.</summary>
    public const int Usual = 8;

    /// <summary>Proposed at a time where it pays: with the token before them they fill the kernels' tile of 16 rows.</summary>
    public const int Most = 15;

    readonly SpeculationPolicy _policy = new();

    /// <summary>By how many tokens agreed: 2, 3, 4 to 7, 8 and more.</summary>
    readonly Acceptance[] _lookups = [new(0.4), new(0.5), new(0.6), new(0.8)];
    readonly List<Sequence> _drafted = [];
    readonly Lock _using = new();
    readonly Excess _excess = new();
    Acceptance _drafts = NewDrafts();
    DraftModel? _model;
    DraftModel? _known;
    int _decoding;
    double _proposing;

    /// <summary>The model that drafts; any thread may set it. Once it is set, the one before is used no more.</summary>
    public DraftModel? Model
    {
        get => _model;
        set
        {
            lock (_using)
            {
                _model = value;
            }
        }
    }

    /// <summary>Proposes for every sequence that decodes; fewer while prompts wait for the pass's rows.</summary>
    public void Propose(List<Sequence> sequences, CancellationToken cancellationToken)
    {
        lock (_using)
        {
            var start = Stopwatch.GetTimestamp();
            ProposeWith(_model, sequences, cancellationToken);
            _proposing = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    /// <summary>The pass is done and its proposals are settled.</summary>
    /// <param name="rows">Its rows; 0 where it carried prompts.</param>
    /// <param name="duration">What it took, without <see cref="Propose"/>.</param>
    public void Learn(int rows, TimeSpan duration)
    {
        if (rows > 0)
        {
            _policy.Learn(rows, duration.TotalSeconds);
            LearnExcess(duration.TotalSeconds);
        }

        Array.ForEach(_lookups, l => l.Fade());
        _drafts.Fade();
    }

    /// <summary>By passes in which a model drafted for everyone: of others nobody can say whose the time was.</summary>
    void LearnExcess(double seconds)
    {
        if (_drafted.Count == 0)
        {
            _excess.Fade();
        }
        else if (_drafted.Count == _decoding)
        {
            var expected = 0.0;
            foreach (var sequence in _drafted)
            {
                expected += sequence.Proposals.Expected * sequence.Proposals.Made;
            }

            _excess.Learn(expected, _proposing + seconds);
        }
    }

    static Acceptance NewDrafts() => new(0.7);

    void ProposeWith(DraftModel? model, List<Sequence> sequences, CancellationToken cancellationToken)
    {
        if (model != _known)
        {
            (_known, _drafts) = (model, NewDrafts());
        }

        _drafted.Clear();
        var most = MostFor(sequences);
        foreach (var sequence in sequences)
        {
            var proposals = sequence.Proposals;
            if (!sequence.IsDecoding || proposals.Mode == SpeculationMode.None)
            {
                continue;
            }

            proposals.Set(0, null);
            proposals.Expected = 0;
            var room = Math.Min(most, sequence.ProposalRoom);
            if (room > 0)
            {
                Choose(sequence, room, model);
            }
        }

        if (_drafted.Count > 0)
        {
            model!.Propose(_drafted, cancellationToken);
        }
        else if (_decoding > 0)
        {
            model?.Rest();
        }
    }

    /// <summary>An even share of the rows that are left when every sequence has one.</summary>
    int MostFor(List<Sequence> sequences)
    {
        _decoding = 0;
        foreach (var sequence in sequences)
        {
            _decoding += sequence.IsDecoding ? 1 : 0;
        }

        if (_decoding == 0)
        {
            return 0;
        }

        var rows = passRows - _decoding;
        rows = _decoding < sequences.Count ? rows / 2 : rows;
        return Math.Min(Most, Math.Min(rows, passLogits - sequences.Count) / _decoding);
    }

    void Choose(Sequence sequence, int room, DraftModel? model)
    {
        var proposals = sequence.Proposals;
        switch (proposals.Mode)
        {
            case SpeculationMode.Lookup:
                var usual = sequence.ProposalSpace[..Math.Min(room, Usual)];
                proposals.Set(proposals.Lookup!.Propose(sequence.Tokens, usual, out var length), SourceOf(length));
                break;
            case SpeculationMode.Draft when model is not null:
                Draft(sequence, Math.Min(room, Usual));
                break;
            case SpeculationMode.Auto:
                var found = proposals.Lookup!.Propose(sequence.Tokens, sequence.ProposalSpace[..room], out var match);
                var source = SourceOf(match);
                var lookup = _policy.Choose(source.Rate, 0, found, _decoding);
                var draft = model is null ? (Count: 0, SecondsPerToken: double.PositiveInfinity) : _policy.Choose(_drafts.Rate, model.StepSeconds, room, _decoding);
                if (draft.SecondsPerToken * _excess.Factor < lookup.SecondsPerToken)
                {
                    Draft(sequence, draft.Count);
                    proposals.Expected = draft.SecondsPerToken;
                }
                else
                {
                    proposals.Set(lookup.Count, source);
                }

                break;
        }
    }

    void Draft(Sequence sequence, int count)
    {
        if (count > 0)
        {
            sequence.Proposals.Set(count, _drafts);
            _drafted.Add(sequence);
        }
    }

    Acceptance SourceOf(int match) => _lookups[match < 3 ? 0 : match == 3 ? 1 : match < 8 ? 2 : 3];
}
