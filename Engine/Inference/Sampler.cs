namespace NvStream.Inference;

/// <summary>
/// Chooses the next token: penalty, top-k, top-p, min-p, temperature, then a draw; or the largest logit at temperature 0.
/// One sampler serves all sequences of a model (its buffers are the vocabulary's size); what belongs to a sequence is
/// its <see cref="SampleState"/>, so that a sequence's draws do not depend on its neighbours.
/// </summary>
sealed class Sampler(int vocabularySize)
{
    const int PenaltyWindow = 64;

    /// <summary>Longer lists are sorted, which settles ties in another way: they need all logits.</summary>
    const int LongestList = 256;

    readonly float[] _values = new float[vocabularySize];
    readonly float[] _logits = new float[vocabularySize];
    readonly int[] _ids = new int[vocabularySize];

    /// <summary>Most candidates that any options ask for.</summary>
    public static int MostCandidates => LongestList + PenaltyWindow;

    /// <summary>
    /// How many of the largest logits the choice depends on; 0 where it takes all of them. A penalty of 1 or more only
    /// lowers logits: beside the tokens that it lowers, the largest before it are the largest after it.
    /// </summary>
    public static int CandidatesFor(SamplingOptions options)
    {
        var kept = options.Temperature <= 0 ? 1 : options.TopK;
        return kept is < 1 or > LongestList || !(options.RepeatPenalty >= 1) ? 0
            : options.RepeatPenalty == 1 ? kept
            : kept + PenaltyWindow;
    }

    /// <summary>Chooses from all logits.</summary>
    /// <param name="logits">One a vocabulary entry; penalties are applied in place.</param>
    /// <param name="context">The sequence's tokens so far.</param>
    public int Next(Span<float> logits, ReadOnlySpan<int> context, SamplingOptions options, ref SampleState state)
    {
        Penalize(logits, context, options.RepeatPenalty);
        return options.Temperature <= 0 ? IndexOfLargest(logits) : Draw(TopK(logits, options.TopK), options, ref state);
    }

    /// <summary>The same choice from the largest logits alone, at least as many as <see cref="CandidatesFor"/> says.</summary>
    /// <param name="ids">Largest logit first, ties to the smaller id.</param>
    /// <param name="logits">The logit of each.</param>
    public int Next(ReadOnlySpan<int> ids, ReadOnlySpan<float> logits, ReadOnlySpan<int> context, SamplingOptions options, ref SampleState state)
    {
        ids.CopyTo(_ids);
        logits.CopyTo(_values);
        var count = ids.Length;
        if (options.RepeatPenalty != 1)
        {
            PenalizeCandidates(count, context, options.RepeatPenalty);
        }

        return options.Temperature <= 0 ? _ids[0] : Draw(Math.Min(count, options.TopK), options, ref state);
    }

    /// <summary>Filters and draws from the first entries of the buffers, which hold the largest logits in order.</summary>
    int Draw(int count, SamplingOptions options, ref SampleState state)
    {
        _values.AsSpan(0, count).CopyTo(_logits);
        Softmax(count, 1);
        count = TopP(count, options.TopP);
        count = MinP(count, options.MinP);

        // Temperature last, as the filters are meant for the model's own distribution; p^(1/T) is softmax(logit / T).
        _logits.AsSpan(0, count).CopyTo(_values);
        var total = Softmax(count, options.Temperature);
        var target = state.NextDouble() * total;
        for (var i = 0; i < count - 1; i++)
        {
            target -= _values[i];
            if (target < 0)
            {
                return _ids[i];
            }
        }

        return _ids[count - 1];
    }

    /// <summary>The first of the largest values; NaN never wins.</summary>
    public static int IndexOfLargest(ReadOnlySpan<float> values)
    {
        var best = 0;
        var largest = float.NegativeInfinity;
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] > largest)
            {
                largest = values[i];
                best = i;
            }
        }

        return best;
    }

    /// <summary>Each token of the window once, however often it occurred.</summary>
    static void Penalize(Span<float> logits, ReadOnlySpan<int> context, float penalty)
    {
        if (penalty == 1)
        {
            return;
        }

        var window = context[Math.Max(0, context.Length - PenaltyWindow)..];
        for (var i = 0; i < window.Length; i++)
        {
            if (!window[..i].Contains(window[i]))
            {
                ref var logit = ref logits[window[i]];
                logit = Penalized(logit, penalty);
            }
        }
    }

    static float Penalized(float logit, float penalty) => logit > 0 ? logit / penalty : logit * penalty;

    /// <summary>The same in the buffers, each lowered candidate moving down to its new place; ties go to the smaller id.</summary>
    void PenalizeCandidates(int count, ReadOnlySpan<int> context, float penalty)
    {
        var window = context[Math.Max(0, context.Length - PenaltyWindow)..];

        // From the last on: what a candidate passes has been lowered already.
        for (var i = count - 1; i >= 0; i--)
        {
            var id = _ids[i];
            if (!window.Contains(id))
            {
                continue;
            }

            var value = Penalized(_values[i], penalty);
            var at = i;
            for (; at + 1 < count && (_values[at + 1] > value || (_values[at + 1] == value && _ids[at + 1] < id)); at++)
            {
                _values[at] = _values[at + 1];
                _ids[at] = _ids[at + 1];
            }

            _values[at] = value;
            _ids[at] = id;
        }
    }

    /// <summary>The k largest into the buffers, largest first; ties go to the smaller id. 0 takes all.</summary>
    int TopK(ReadOnlySpan<float> logits, int k)
    {
        k = k <= 0 ? logits.Length : Math.Min(k, logits.Length);
        if (k > LongestList)
        {
            for (var i = 0; i < logits.Length; i++)
            {
                _ids[i] = i;
                _values[i] = -logits[i];
            }

            Array.Sort(_values, _ids, 0, logits.Length);
            for (var i = 0; i < k; i++)
            {
                _values[i] = -_values[i];
            }

            return k;
        }

        // Insertion into a short sorted list: after the first few hundred logits almost none passes the first test.
        var count = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            var value = logits[i];
            if (count == k && !(value > _values[k - 1]))
            {
                continue;
            }

            var at = count < k ? count++ : k - 1;
            for (; at > 0 && value > _values[at - 1]; at--)
            {
                _values[at] = _values[at - 1];
                _ids[at] = _ids[at - 1];
            }

            _values[at] = value;
            _ids[at] = i;
        }

        return count;
    }

    /// <summary>Replaces the first values by exp((v - largest) / temperature); returns their sum.</summary>
    double Softmax(int count, float temperature)
    {
        var largest = _values[0];
        double total = 0;
        for (var i = 0; i < count; i++)
        {
            _values[i] = MathF.Exp((_values[i] - largest) / temperature);
            total += _values[i];
        }

        return total;
    }

    int TopP(int count, float p)
    {
        if (p >= 1)
        {
            return count;
        }

        double total = 0;
        for (var i = 0; i < count; i++)
        {
            total += _values[i];
        }

        double sum = 0;
        for (var i = 0; i < count; i++)
        {
            sum += _values[i];
            if (sum >= p * total)
            {
                return i + 1;
            }
        }

        return count;
    }

    /// <summary>Values are relative to the largest, which is 1.</summary>
    int MinP(int count, float p)
    {
        var kept = 1;
        while (kept < count && _values[kept] >= p)
        {
            kept++;
        }

        return kept;
    }
}

/// <summary>A sequence's random numbers: SplitMix64, so that a seed gives the same draws on every platform and version.</summary>
struct SampleState(ulong seed)
{
    ulong _state = seed;

    /// <summary>0 to 1, 1 excluded.</summary>
    public double NextDouble()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
