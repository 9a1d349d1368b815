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

    PassFigures _figures;
    PassFigures _decodeFigures;
    int _passes;
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
    }

    public Task<InferenceResult> Task => _completion.Task;

    /// <summary>Cells of the KV pool it takes.</summary>
    public int Capacity => _tokens.Length;

    /// <summary>First cell, once admitted.</summary>
    public int KvStart { get; set; } = -1;

    public bool IsCancelled => _isCancelled;

    public bool IsDecoding => _count > _promptCount;

    /// <summary>Row of the pass's logits that belongs to it, or -1.</summary>
    public int LogitIndex { get; private set; } = -1;

    public void OnCancel(Action notify, CancellationToken token) =>
        _registration = token.Register(() =>
        {
            _isCancelled = true;
            notify();
        });

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
        LogitIndex = pass.Add(_tokens.AsSpan(_processed, rows), KvStart, _processed, wantsLogits: _processed + rows == _count);
        _processed += rows;
    }

    /// <summary>Counts a pass that carried this sequence.</summary>
    public void Account(in PassFigures pass)
    {
        IsInPass = false;
        _figures += pass;
        _passes++;
        if (IsDecoding)
        {
            _decodeFigures += pass;
        }
    }

    /// <summary>Chooses the next token from the pass's logits; false when the answer has ended.</summary>
    public bool Advance(Span<float> logits, Sampler sampler, out FinishReason reason)
    {
        LogitIndex = -1;
        var id = sampler.Next(logits, _tokens.AsSpan(0, _count), _request.Sampling, ref _state);
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
        var decodeTime = (duration - _timeToFirstToken).TotalSeconds;

        // Where no pass decoded, the prompt's passes stand for the bound.
        var (boundTokens, bound) = decoded > 0 ? (decoded, _decodeFigures) : (generated, _figures);
        var boundTime = Math.Max(bound.ReadTime.TotalSeconds, bound.ComputeTime.TotalSeconds);
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
            PromptRate = Rate(_promptCount, _timeToFirstToken.TotalSeconds),
            DecodeRate = Rate(decoded, decodeTime),
            Duration = duration,
            Passes = _passes,
            TokensPerPass = _passes == 0 ? 0 : (double)generated / _passes,
            BoundRate = Rate(boundTokens, boundTime),
            BindingTerm = bound.ReadTime > bound.ComputeTime ? BindingTerm.Nvme : BindingTerm.Compute,
            BytesStreamed = _figures.Bytes,
            StreamRate = Rate(_figures.Bytes, _figures.Duration.TotalSeconds),
            StallFraction = Rate(_figures.StorageStall.TotalSeconds, _figures.Duration.TotalSeconds),
            Seed = _seed,
            InputObject = _request.InputObject,
        });
    }

    static double Rate(double amount, double seconds) => seconds > 0 ? amount / seconds : 0;
}

/// <summary>What one pass, or several, took.</summary>
/// <param name="StorageStall">Time in which compute waited for bytes.</param>
/// <param name="ReadTime">Time in which storage had reads in flight.</param>
readonly record struct PassFigures(TimeSpan Duration, long Bytes, TimeSpan StorageStall, TimeSpan ReadTime)
{
    public TimeSpan ComputeTime => Duration - StorageStall;

    /// <summary>Time in which storage waited for a free slot.</summary>
    public TimeSpan ComputeStall => Duration > ReadTime ? Duration - ReadTime : TimeSpan.Zero;

    public static PassFigures operator +(PassFigures a, PassFigures b) =>
        new(a.Duration + b.Duration, a.Bytes + b.Bytes, a.StorageStall + b.StorageStall, a.ReadTime + b.ReadTime);
}
