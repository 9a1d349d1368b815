namespace NvStream.Inference.Speculation;

/// <summary>What has been proposed for one sequence, by whom, and what became of it.</summary>
sealed class Proposals
{
    /// <param name="capacity">Tokens that the sequence may have.</param>
    public Proposals(SpeculationMode mode, int capacity)
    {
        Mode = mode;
        Lookup = mode is SpeculationMode.Auto or SpeculationMode.Lookup ? new(capacity) : null;
    }

    public SpeculationMode Mode { get; }

    /// <summary>Null where nothing is to be looked up.</summary>
    public LookupIndex? Lookup { get; }

    /// <summary>Tokens proposed for the pass being made; they lie behind the sequence's own.</summary>
    public int Count { get; private set; }

    /// <summary>Whose acceptance the pass will tell.</summary>
    public Acceptance? Source { get; private set; }

    /// <summary>The draft model that <see cref="ModelTokens"/> speaks of.</summary>
    public DraftModel? Model { get; private set; }

    /// <summary>Leading tokens of the sequence whose keys and values the draft model has.</summary>
    public int ModelTokens { get; set; }

    /// <summary>The random numbers that the sequence will choose with, as far as proposals have used them ahead.</summary>
    public SampleState State;

    /// <summary>Seconds that a token of the pass is expected to take; 0 where nobody knows.</summary>
    public double Expected { get; set; }

    /// <summary>Tokens that the last pass made.</summary>
    public int Made { get; private set; }

    /// <summary>Of all passes.</summary>
    public int Drafted { get; private set; }

    /// <summary>Of all passes.</summary>
    public int Accepted { get; private set; }

    /// <summary>Passes in which the sequence decoded.</summary>
    public int Passes { get; private set; }

    public void Set(int count, Acceptance? source) => (Count, Source) = (count, source);

    /// <summary>The sequence will be read by this model: a new one has none of its tokens.</summary>
    public void Follow(DraftModel model)
    {
        if (Model != model)
        {
            (Model, ModelTokens) = (model, 0);
        }
    }

    /// <summary>A pass has verified the proposals.</summary>
    /// <param name="known">Tokens of the sequence that were not proposed: what the draft model has beyond those accepted is void.</param>
    /// <param name="isCut">Whether the answer ended with an accepted token, so that nobody knows about those behind it.</param>
    public void Settle(int known, int accepted, bool isCut)
    {
        ModelTokens = Math.Min(ModelTokens, known + accepted);
        Source?.Learn(isCut ? accepted : Count, accepted);
        Drafted += Count;
        Accepted += accepted;
        Made = isCut ? accepted : accepted + 1;
        Passes++;
        Set(0, null);
    }
}
