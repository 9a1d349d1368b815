using System.Diagnostics;
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
    }

    public Task<InferenceResult> Task => _completion.Task;

    /// <summary>Cells of the KV pool it takes.</summary>
    public int Capacity => _tokens.Length;

    /// <summary>First cell, once admitted.</summary>
    public int KvStart { get; set; } = -1;

    public bool IsCancelled => _isCancelled;

    public bool IsDecoding => _count > _promptCount;

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

    /// <summary>Joins a pass that has room, with as many tokens as there is room for: the rest of the prompt, or the token last chosen.</summary>
    public void Join(Models.Pass pass)
    {
        IsInPass = true;
        if (_processed == 0)
        {
            _started = Stopwatch.GetTimestamp();
        }

        var rows = Math.Min(pass.FreeRows, _count - _processed);
        LogitIndex = pass.Add(_tokens.AsSpan(_processed, rows), KvStart, _processed, wantsLogits: _processed + rows == _count, IsDecoding);
        _processed += rows;
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
        }
    }

    /// <summary>Chooses the next token from the pass's logits; false when the answer has ended.</summary>
    public bool Advance(LogitReader logits, Sampler sampler, out FinishReason reason)
    {
        var (row, options) = (LogitIndex, _request.Sampling);
        var context = _tokens.AsSpan(0, _count);
        LogitIndex = -1;
        var id = Candidates > 0
            ? sampler.Next(logits.Ids(row), logits.Values(row), context, options, ref _state)
            : sampler.Next(logits.All(row), context, options, ref _state);
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
            BoundRate = account.BoundRate,
            BindingTerm = account.BindingTerm,
            BytesStreamed = all.StorageBytes,
            BytesFromHost = all.HostBytes,
            StreamRate = Rates.Of(all.StorageBytes, all.Duration),
            StallFraction = Math.Min(1, Rates.Of(all.Stall.TotalSeconds, all.Duration)),
            Account = account,
            PromptAccount = HasRun ? new(_promptFigures, Math.Min(_processed, _promptCount)) : null,
            Seed = _seed,
            InputObject = _request.InputObject,
        });
    }
}
