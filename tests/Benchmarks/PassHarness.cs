using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Benchmarks;

/// <summary>Passes over a resident model without scheduler or sampler, on a device of the caller's.</summary>
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

    /// <param name="device">Disposed with the harness.</param>
    public PassHarness(string path, IComputeDevice device, int sequences)
    {
        _device = device;
        _file = GgufFile.Open(path);
        _spec = ModelSpec.FromGguf(_file);
        var layers = LayerLayout.Read(_file, _spec, device.Supports);
        var plan = ResidencyPlanner.Plan(_spec, layers, device, new(device.Info.FreeMemory, Context, Context * sequences));
        _route = StorageRoutes.Open(RouteKind.Auto, _file, device, new(1 << 20, 8));
        _weights = new(device, _route, layers, plan);
        _weights.Load(_ => { }, CancellationToken.None);
        _cache = new(device, _spec, plan.KvTokens);
        _work = new(device, _spec, plan.PassRows, plan.PassLogits);
        _decoder = new(device, _file, _spec, layers);
        _pass = new(plan.PassRows, plan.PassSequences, plan.PassLogits);
    }

    /// <summary>One pass of so many tokens of each sequence, at a position.</summary>
    public void Run(int sequences, int rows, int position)
    {
        _pass.Clear();
        Span<int> tokens = stackalloc int[rows];
        for (var s = 0; s < sequences; s++)
        {
            for (var i = 0; i < rows; i++)
            {
                tokens[i] = (s * 7919 + (position + i) * 104729) % _spec.VocabularySize;
            }

            _pass.Add(tokens, s * Context, position, logits: 1, isDecoding: rows == 1);
        }

        _decoder.Forward(_pass, _weights, _cache, _work, CancellationToken.None);
    }

    public void Dispose()
    {
        _work.Dispose();
        _cache.Dispose();
        _weights.Dispose();
        _route.Dispose();
        _device.Dispose();
        _file.Dispose();
    }
}
