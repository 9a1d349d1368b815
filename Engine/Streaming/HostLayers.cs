using NvStream.Compute;

namespace NvStream.Streaming;

/// <summary>
/// The page-locked memory of the middle tier. Locking pages takes a tenth of a second a GiB or more, so a thread of its own
/// does it, one layer after the other, while others are read. Disposal waits for the thread and frees what nobody took.
/// </summary>
sealed class HostLayers : IDisposable
{
    readonly IHostCopies _copies;
    readonly (string Name, long Bytes)[] _layers;
    readonly DeviceMemory?[] _memory;
    readonly SemaphoreSlim _ready = new(0);
    readonly CancellationTokenSource _failed = new();
    readonly Thread _thread;
    volatile bool _isStopped;
    volatile Exception? _failure;
    int _taken;

    /// <param name="layers">In the order in which they will be taken.</param>
    public HostLayers(IHostCopies copies, IEnumerable<(string Name, long Bytes)> layers)
    {
        _copies = copies;
        _layers = [.. layers];
        _memory = new DeviceMemory?[_layers.Length];
        _thread = new Thread(Allocate, 256 * 1024) { IsBackground = true, Name = "NvStream host memory" };
        _thread.Start();
    }

    /// <summary>Cancelled as soon as an allocation fails, so that nobody goes on loading what cannot be used.</summary>
    public CancellationToken Failed => _failed.Token;

    /// <summary>Why; null where none has failed.</summary>
    public Exception? Failure => _failure;

    /// <summary>The next layer's memory, once it is there; the caller's from then on. Called by one thread.</summary>
    /// <param name="cancellationToken">Ends the wait, also where it comes of <see cref="Failed"/>.</param>
    public DeviceMemory Take(CancellationToken cancellationToken)
    {
        _ready.Wait(cancellationToken);
        var memory = _memory[_taken]!;
        _memory[_taken++] = null;
        return memory;
    }

    public void Dispose()
    {
        _isStopped = true;
        _thread.Join();
        foreach (var memory in _memory)
        {
            memory?.Dispose();
        }

        _ready.Dispose();
        _failed.Dispose();
    }

    void Allocate()
    {
        try
        {
            for (var i = 0; i < _layers.Length && !_isStopped; i++)
            {
                _memory[i] = _copies.AllocateHost(_layers[i].Bytes, _layers[i].Name);
                _ready.Release();
            }
        }
        catch (Exception e)
        {
            // Whatever it is, it belongs to the one who loads: here it would end the process.
            _failure = e;
            _failed.Cancel();
        }
    }
}
