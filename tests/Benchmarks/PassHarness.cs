using System.Diagnostics;
using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks;

/// <summary>Passes without scheduler or sampler, on a device of the caller's.</summary>
sealed class PassHarness : IDisposable
{
    const int Context = 1024;

    readonly GgufFile _file;
    readonly IComputeDevice _device;
    readonly IStorageRoute _route;
    readonly WeightStore _weights;
    readonly KvCache _cache;
    readonly Workspace _work;
    readonly Decoder _decoder;
    readonly Pass _pass;
    readonly ModelSpec _spec;

    /// <summary>Over a resident model.</summary>
    /// <param name="device">Disposed with the harness.</param>
    public PassHarness(string path, IComputeDevice device, int sequences)
        : this(path, device, device.Info.FreeMemory, 0, RouteKind.Auto, sequences)
    {
    }

    /// <param name="device">Disposed with the harness.</param>
    /// <param name="budget">Bytes of device memory.</param>
    /// <param name="hostBudget">Bytes of page-locked host memory.</param>
    public PassHarness(string path, IComputeDevice device, long budget, long hostBudget, RouteKind route, int sequences = 1)
    {
        _device = device;
        _file = GgufFile.Open(path);
        _spec = ModelSpec.FromGguf(_file);
        var layers = LayerLayout.Read(_file, _spec, device.Supports);
        var plan = ResidencyPlanner.Plan(_spec, layers, device, new(budget, Context, Context * sequences, HostBudget: hostBudget));
        if (plan.SlotCount > 0)
        {
            device.Reserve(plan.ReservedBytes);
        }

        _route = StorageRoutes.Open(route, _file, device, new(1 << 20, 8, plan.StagingBytes));
        _cache = new(device, _spec, plan.KvTokens);
        _work = new(device, _spec, plan.PassRows, plan.PassLogits);
        _weights = new(device, _route, layers, plan);
        _weights.Load(_ => { }, CancellationToken.None);
        _decoder = new(device, _file, _spec, layers);
        _pass = new(plan.PassRows, plan.PassSequences, plan.PassLogits);
    }

    /// <summary>One pass of so many tokens of each sequence, at a position.</summary>
    public void Run(int sequences, int rows, int position) => Run(sequences, rows, position, isDecoding: rows == 1);

    /// <param name="isDecoding">Whether the tokens count as the sequences' own: one that was chosen, and drafted ones behind it.</param>
    public void Run(int sequences, int rows, int position, bool isDecoding)
    {
        _pass.Clear();
        Span<int> tokens = stackalloc int[rows];
        for (var s = 0; s < sequences; s++)
        {
            for (var i = 0; i < rows; i++)
            {
                tokens[i] = (s * 7919 + (position + i) * 104729) % _spec.VocabularySize;
            }

            // Proposed tokens are verified: the logits of every row that decodes are wanted.
            _pass.Add(tokens, s * Context, position, logits: isDecoding ? Math.Min(rows, _pass.FreeLogits) : 1, isDecoding);
        }

        _weights.Reset();
        _decoder.Forward(_pass, _weights, _cache, _work, CancellationToken.None);
    }

    /// <summary>The same, and what it took until the device was done with it.</summary>
    public TimeSpan Time(int sequences, int rows, int position, bool isDecoding)
    {
        Span<byte> one = stackalloc byte[sizeof(float)];
        var start = Stopwatch.GetTimestamp();
        Run(sequences, rows, position, isDecoding);
        _device.Read(_work.Logits(1).Address, one);
        return Stopwatch.GetElapsedTime(start);
    }

    public void Dispose()
    {
        _weights.Dispose();
        _work.Dispose();
        _cache.Dispose();
        _route.Dispose();
        _device.Dispose();
        _file.Dispose();
    }
}
