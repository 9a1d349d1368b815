using System.Diagnostics;
using NvStream.Inference.Speculation;
using NvStream.Tokenization;

namespace NvStream.Inference;

/// <summary>One prompt on its way to an answer. Touched by the scheduler's thread alone, but for <see cref="IsCancelled"/>.</summary>
sealed class Sequence
{
    readonly GenerationRequest _request;
    readonly Tokenizer _tokenizer;
    readonly TaskCompletionSource<InferenceResult> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly TokenDecoder _decoder;
    readonly AnswerText _text;
    readonly int[] _tokens;
    readonly int _promptCount;
    readonly ulong _seed;
    SampleState _state;
    int _count;
    int _processed;

    /// <summary>Tokens of the prompt that passes have carried to their end.</summary>
    int _promptTaken;

    // Unregistered, never disposed: disposal would wait for a callback that waits for the scheduler's lock.
    CancellationTokenRegistration _registration;

    PassFigures _promptFigures;
    PassFigures _decodeFigures;
    long _started;
    TimeSpan _timeToFirstToken;
    volatile bool _isCancelled;

    /// <param name="capacity">Tokens this sequence may have: the prompt and the longest answer.</param>
    public Sequence(GenerationRequest request, ReadOnlySpan<int> prompt, int capacity, Tokenizer tokenizer)
    {
        _request = request;
        _tokenizer = tokenizer;
        _tokens = new int[capacity];
        prompt.CopyTo(_tokens);
        _promptCount = _count = prompt.Length;

        // A raw prompt is continued: there a first space is text, and not the vocabulary's mark of a beginning.
        _decoder = tokenizer.CreateDecoder(atStart: !request.Raw);
        _text = new(request.Stop, Math.Min(4 * (capacity - prompt.Length), 1 << 14), request.OnText);
        _seed = request.Sampling.Seed ?? (ulong)Random.Shared.NextInt64(1, long.MaxValue);
        _state = new(_seed);
        Candidates = Sampler.CandidatesFor(request.Sampling);
        Proposals = new(request.Speculate, capacity);
    }

    public Task<InferenceResult> Task => _completion.Task;

    /// <summary>Cells of the KV pool it takes.</summary>
    public int Capacity => _tokens.Length;

    /// <summary>First cell, once admitted.</summary>
    public int KvStart { get; set; } = -1;

    public bool IsCancelled => _isCancelled;

    public bool IsDecoding => _count > _promptCount;

    /// <summary>The prompt's tokens and those chosen.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    public Proposals Proposals { get; }

    /// <summary>Tokens that may be proposed: as many may be chosen, and the one that a pass always makes.</summary>
    public int ProposalRoom => _tokens.Length - _count - 1;

    /// <summary>Where proposed tokens go: right behind the sequence's own.</summary>
    public Span<int> ProposalSpace => _tokens.AsSpan(_count, ProposalRoom);

    public ReadOnlySpan<int> TokensWithProposals => _tokens.AsSpan(0, _count + Proposals.Count);

    /// <summary>The random numbers of its next choices.</summary>
    public SampleState State => _state;

    /// <summary>How many of a row's largest logits it chooses from; 0 for all.</summary>
    public int Candidates { get; }

    /// <summary>Row of the pass's logits that belongs to it, or -1.</summary>
    public int LogitIndex { get; private set; } = -1;

    public void OnCancel(Action notify, CancellationToken token) =>
        _registration = token.Register(() =>
        {
            _isCancelled = true;
            notify();
        });

    /// <summary>Whether a pass has carried it to its end.</summary>
    public bool HasRun => _promptFigures.Passes > 0;

    /// <summary>Whether the pass being made or run carries it.</summary>
    public bool IsInPass { get; private set; }

    /// <summary>
    /// Joins a pass that has room: with as much of the rest of the prompt as there is room for, or with the token last
    /// chosen and what has been proposed to follow it.
    /// </summary>
    public void Join(Models.Pass pass)
    {
        IsInPass = true;
        if (_processed == 0)
        {
            _started = Stopwatch.GetTimestamp();
        }

        var rows = Math.Min(pass.FreeRows, _count + Proposals.Count - _processed);
        var isLast = _processed + rows >= _count;
        LogitIndex = pass.Add(_tokens.AsSpan(_processed, rows), KvStart, _processed, isLast ? 1 + Proposals.Count : 0, IsDecoding);
        _processed = Math.Min(_processed + rows, _count);
    }

    /// <summary>Counts a pass that carried this sequence.</summary>
    public void Account(in PassFigures pass)
    {
        IsInPass = false;
        if (IsDecoding)
        {
            _decodeFigures += pass;
        }
        else
        {
            _promptFigures += pass;
            _promptTaken = _processed;
        }
    }

    /// <summary>Chooses tokens from the pass's logits: the next one, and as long as it is the proposed one, one more. False when the answer has ended.</summary>
    public bool Advance(LogitReader logits, Sampler sampler, out FinishReason reason)
    {
        var (isDecoding, known, proposed) = (IsDecoding, _count, Proposals.Count);
        var (accepted, isCut) = (0, false);
        bool goesOn;
        for (var row = LogitIndex; ; row++)
        {
            var expected = accepted < proposed ? _tokens[_count] : -1;
            var id = Choose(logits, row, sampler, _count, ref _state);
            goesOn = Append(id, out reason);
            if (id != expected)
            {
                break;
            }

            accepted++;
            isCut = !goesOn;
            if (isCut)
            {
                break;
            }
        }

        // What the cache holds beyond the accepted tokens is written over.
        _processed = _count - 1;
        LogitIndex = -1;
        if (isDecoding)
        {
            Proposals.Settle(known, accepted, isCut);
        }

        return goesOn;
    }

    /// <summary>The token that follows the first <paramref name="count"/>, by a row of logits.</summary>
    public int Choose(LogitReader logits, int row, Sampler sampler, int count, ref SampleState state)
    {
        var context = _tokens.AsSpan(0, count);
        return Candidates > 0
            ? sampler.Next(logits.Ids(row), logits.Values(row), context, _request.Sampling, ref state)
            : sampler.Next(logits.All(row), context, _request.Sampling, ref state);
    }

    bool Append(int id, out FinishReason reason)
    {
        _tokens[_count++] = id;
        if (_count == _promptCount + 1)
        {
            _timeToFirstToken = Stopwatch.GetElapsedTime(_started);
        }

        reason = FinishReason.Stop;
        if (_tokenizer.IsEndOfGeneration(id))
        {
            return false;
        }

        if (_text.Append(_decoder.Append(id)))
        {
            reason = FinishReason.StopSequence;
            return false;
        }

        reason = FinishReason.Length;
        return _count < _tokens.Length;
    }

    public void Fail(Exception error)
    {
        _registration.Unregister();
        _completion.TrySetException(error);
    }

    public void Complete(string model, FinishReason reason)
    {
        _registration.Unregister();
        var duration = _started == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_started);
        if (reason != FinishReason.StopSequence)
        {
            // Half a character at the end becomes a replacement character.
            _text.Append(_decoder.Flush());
        }

        var generated = _count - _promptCount;
        var decoded = Math.Max(0, generated - 1);

        // Where no pass decoded, the prompt's passes stand for the bound.
        var all = _promptFigures + _decodeFigures;
        var account = decoded > 0 ? new PassAccount(_decodeFigures, decoded) : new(all, generated);
        _completion.TrySetResult(new()
        {
            Model = model,
            Prompt = _request.Prompt,
            Text = _text.Finish(),
            FinishReason = reason,
            PromptTokenCount = _promptCount,
            PromptTokenIds = _tokens[.._promptCount],
            TokenCount = generated,
            TokenIds = _tokens[_promptCount.._count],
            TimeToFirstToken = _timeToFirstToken,
            PromptRate = Rates.Of(_promptCount, _timeToFirstToken),
            DecodeRate = Rates.Of(decoded, duration - _timeToFirstToken),
            Duration = duration,
            Passes = all.Passes,
            TokensPerPass = all.Passes == 0 ? 0 : (double)generated / all.Passes,
            DraftedTokenCount = Proposals.Drafted,
            AcceptedTokenCount = Proposals.Accepted,
            AcceptedPerPass = Proposals.Passes == 0 ? 0 : (double)Proposals.Accepted / Proposals.Passes,
            BoundRate = account.BoundRate,
            BindingTerm = account.BindingTerm,
            BytesStreamed = all.StorageBytes,
            BytesFromHost = all.HostBytes,
            StreamRate = Rates.Of(all.StorageBytes, all.Duration),
            StallFraction = Math.Min(1, Rates.Of(all.Stall.TotalSeconds, all.Duration)),
            Account = account,
            PromptAccount = HasRun ? new(_promptFigures, _promptTaken) : null,
            Seed = _seed,
            InputObject = _request.InputObject,
        });
    }
}
