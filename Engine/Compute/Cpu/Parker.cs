namespace NvStream.Compute.Cpu;

/// <summary>
/// One thread's bed. The owner announces with <see cref="Prepare"/> that it is about to sleep, looks once more for a
/// reason not to, then calls <see cref="Sleep"/> or <see cref="Cancel"/>; any other thread that made such a reason
/// calls <see cref="Wake"/> afterwards. The full fences on both sides rule out a wake-up that nobody sees.
/// </summary>
internal sealed class Parker : IDisposable
{
    readonly AutoResetEvent signal = new(false);
    int parked;

    public void Prepare() => Interlocked.Exchange(ref parked, 1);

    public void Sleep() => signal.WaitOne();

    public void Cancel()
    {
        if (Interlocked.Exchange(ref parked, 0) == 0)
        {
            // Somebody has claimed the wake-up already: its signal must not be left behind for the next sleep.
            signal.WaitOne();
        }
    }

    /// <summary>Wakes the owner if it sleeps or is about to. The caller has published the reason with a full fence.</summary>
    public bool Wake()
    {
        if (Volatile.Read(ref parked) == 0 || Interlocked.Exchange(ref parked, 0) == 0)
        {
            return false;
        }

        signal.Set();
        return true;
    }

    public void Dispose() => signal.Dispose();
}
