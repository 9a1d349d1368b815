using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Inference.Speculation;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>
/// Runs passes as long as there are sequences. Every pass carries one token of each decoding sequence and fills up with
/// prompts; a sequence joins when a place and cells are free and leaves when its answer ends, while the belt runs on.
/// One thread owns everything that a pass touches.
/// </summary>
sealed class Scheduler : IDisposable
{
    readonly object _lock = new();
    readonly LinkedList<Sequence> _pending = new();
    readonly List<Sequence> _active = [];
    readonly Decoder _decoder;
    readonly WeightStore _weights;
    readonly PassMeter _meter;
    readonly KvCache _cache;
    readonly Workspace _work;
    readonly KvPool _pool;
    readonly Pass _pass;
    readonly Sampler _sampler;
    readonly LogitReader _logits;
    readonly Speculator _speculator;
    readonly string _name;
    readonly Thread _thread;
    CancellationTokenSource _abort = new();
    bool _isStopped;
    bool _hasFailed;

    /// <param name="vocabularySize">Tokens that may be chosen: the tokenizer's, where the head has more rows.</param>
    public Scheduler(string name, IComputeDevice device, Decoder decoder, WeightStore weights, KvCache cache, Workspace work, ResidencyPlan plan, int vocabularySize)
    {
        _name = name;
        _decoder = decoder;
        _weights = weights;
        _meter = new(weights, plan.ResidentBytes);
        _cache = cache;
        _work = work;
        _pool = new(cache.Tokens);
        _pass = new(plan.PassRows, plan.PassSequences, plan.PassLogits);
        _sampler = new(vocabularySize);
        _logits = new(device, plan.PassLogits, vocabularySize);
        _speculator = new(plan.PassRows, plan.PassLogits);
        _active.Capacity = plan.PassSequences;
        _thread = new(Run) { IsBackground = true, Name = $"NvStream {name}" };
        _thread.Start();
    }

    /// <summary>The model that drafts, from the next pass on; null for none. Disposed by whoever made it, after the scheduler.</summary>
    public DraftModel? Draft
    {
        get => _speculator.Model;
        set => _speculator.Model = value;
    }

    public Task<InferenceResult> Submit(Sequence sequence, CancellationToken cancellationToken)
    {
        sequence.OnCancel(OnCancelled, cancellationToken);
        lock (_lock)
        {
            if (_isStopped)
            {
                throw InferenceException.ModelDisposed(_name);
            }

            _pending.AddLast(sequence);
            Monitor.Pulse(_lock);
        }

        return sequence.Task;
    }

    /// <summary>Ends the running pass, fails what has not ended and returns when the thread has let go of everything.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isStopped = true;
            _abort.Cancel();
            Monitor.Pulse(_lock);
        }

        _thread.Join();
        _abort.Dispose();
    }

    void Run()
    {
        while (WaitForWork())
        {
            try
            {
                RunPass();
            }
            catch (Exception e)
            {
                // Whatever went wrong went wrong for all that shared the pass; the next pass starts clean.
                Abandon(e);
            }
        }

        // A pass that was given up may still be running.
        _weights.Settle();
        var disposed = InferenceException.ModelDisposed(_name);
        _active.ForEach(s => s.Fail(disposed));
        foreach (var sequence in _pending)
        {
            sequence.Fail(disposed);
        }
    }

    /// <summary>Lets go of what was cancelled and admits what there is room for; false when the model is being released.</summary>
    bool WaitForWork()
    {
        lock (_lock)
        {
            while (true)
            {
                if (_isStopped)
                {
                    return false;
                }

                RetireCancelled();
                Admit();
                if (_active.Count > 0)
                {
                    RenewAbort();
                    return true;
                }

                Monitor.Wait(_lock);
            }
        }
    }

    /// <summary>In the order of submission: a long prompt at the head waits for room and is not overtaken for ever.</summary>
    void Admit()
    {
        while (_pending.First?.Value is { } next && _active.Count < _active.Capacity)
        {
            if (next.IsCancelled)
            {
                next.Complete(_name, FinishReason.Cancelled);
            }
            else if (_pool.Allocate(next.Capacity) is { } start)
            {
                next.KvStart = start;
                _active.Add(next);
            }
            else
            {
                return;
            }

            _pending.RemoveFirst();
        }
    }

    void RunPass()
    {
        // Read-ahead that failed while nobody asked for it gets a second chance.
        _weights.Reset(_hasFailed);
        _hasFailed = false;
        _speculator.Propose(_active, _abort.Token);
        _pass.Clear();
        JoinAll(decoding: true);
        JoinAll(decoding: false);

        var figures = ForwardTimed();
        for (var i = 0; i < _active.Count; i++)
        {
            var sequence = _active[i];
            if (!sequence.IsInPass)
            {
                continue;
            }

            sequence.Account(figures);
            if (sequence.LogitIndex < 0)
            {
                continue;
            }

            if (!sequence.Advance(_logits, _sampler, out var reason))
            {
                Retire(i--);
                sequence.Complete(_name, reason);
            }
        }

        _speculator.Learn(_pass.DecodeRows == _pass.Rows ? _pass.Rows : 0, figures.Duration);
    }

    void JoinAll(bool decoding)
    {
        foreach (var sequence in _active)
        {
            if (sequence.IsDecoding == decoding && _pass.HasRoom)
            {
                sequence.Join(_pass);
            }
        }
    }

    /// <summary>The pass, and what it took until the device was done with it.</summary>
    PassFigures ForwardTimed()
    {
        var candidates = 0;
        var isContinued = false;
        foreach (var sequence in _active)
        {
            isContinued |= sequence.HasRun;
            if (sequence is { IsInPass: true, LogitIndex: >= 0 })
            {
                candidates = Math.Max(candidates, sequence.Candidates);
            }
        }

        _meter.Begin(isContinued);
        _decoder.Forward(_pass, _weights, _cache, _work, _abort.Token);
        _logits.Await(_work.Logits(_pass.LogitRows.Length), candidates);
        return _meter.End();
    }

    void RetireCancelled()
    {
        for (var i = 0; i < _active.Count; i++)
        {
            if (_active[i] is { IsCancelled: true } sequence)
            {
                Retire(i--);
                sequence.Complete(_name, FinishReason.Cancelled);
            }
        }
    }

    void Retire(int index)
    {
        var sequence = _active[index];
        lock (_lock)
        {
            _active.RemoveAt(index);
            _pool.Free(sequence.KvStart, sequence.Capacity);
        }
    }

    void Abandon(Exception error)
    {
        _hasFailed = error is not OperationCanceledException;
        var reported = error is GgufException gguf ? StorageException.ReadFailed(gguf) : error;
        for (var i = _active.Count - 1; i >= 0; i--)
        {
            var sequence = _active[i];
            Retire(i);
            if (sequence.IsCancelled)
            {
                sequence.Complete(_name, FinishReason.Cancelled);
            }
            else
            {
                sequence.Fail(reported is OperationCanceledException ? InferenceException.ModelDisposed(_name) : reported);
            }
        }
    }

    /// <summary>A pass may have ended on its own before it saw that it was to end: the next one is not meant.</summary>
    void RenewAbort()
    {
        if (_abort.IsCancellationRequested)
        {
            _abort.Dispose();
            _abort = new();
        }
    }

    /// <summary>A pass that nobody waits for any more is ended between two layers.</summary>
    void OnCancelled()
    {
        lock (_lock)
        {
            if (_active.Count > 0 && _active.TrueForAll(s => s.IsCancelled))
            {
                _abort.Cancel();
            }

            Monitor.Pulse(_lock);
        }
    }
}
