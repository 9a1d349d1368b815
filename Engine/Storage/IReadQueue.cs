namespace NvStream.Storage;

/// <summary>One read of a block.</summary>
/// <param name="File">Index of the file.</param>
/// <param name="Offset">Bytes, a multiple of 4096.</param>
/// <param name="Length">Bytes, a multiple of 4096; a file that ends sooner gives fewer.</param>
/// <param name="Destination">4 KiB-aligned memory.</param>
readonly record struct ReadRequest(int File, long Offset, int Length, nint Destination);

/// <summary>What became of a read.</summary>
/// <param name="Tag">As given to <see cref="IReadQueue.Enqueue"/>.</param>
/// <param name="Bytes">Bytes read, from the start; fewer than asked for at the file's end, or because the system stopped early.</param>
/// <param name="Error">Null where the read did not fail.</param>
readonly record struct ReadCompletion(int Tag, int Bytes, ReadError? Error);

/// <summary>Why a read failed.</summary>
/// <param name="Message">In the system's words: "Input/output error (EIO)".</param>
/// <param name="IsTransient">Whether it may simply be asked again: EINTR, EAGAIN.</param>
sealed record ReadError(string Message, bool IsTransient = false);

/// <summary>
/// A way to have many reads in flight. One thread drives it; <see cref="Wake"/> alone may be called by others. Reads end
/// in any order.
/// </summary>
interface IReadQueue : IDisposable
{
    /// <summary>For the route's reason: "io_uring", "8 threads".</summary>
    string Name { get; }

    /// <summary>Reads that may be in flight.</summary>
    int Depth { get; }

    /// <summary>Announces memory that many reads will lead into. Only an advantage: reads into other memory work too.</summary>
    void Register(nint address, long bytes);

    /// <summary>The memory is about to be freed; no read leads into it any more.</summary>
    void Unregister(nint address);

    /// <summary>Adds a read to those that the next <see cref="Submit"/> starts.</summary>
    /// <param name="tag">0 to Depth - 1, of no other read in flight.</param>
    void Enqueue(int tag, in ReadRequest request);

    /// <summary>Starts what has been added.</summary>
    void Submit();

    /// <summary>Gives what has ended, and waits for the first if nothing has: until then, <see cref="Wake"/>, or the time is over.</summary>
    /// <param name="completions">As many as Depth.</param>
    int Reap(Span<ReadCompletion> completions, TimeSpan wait);

    /// <summary>Ends a wait in <see cref="Reap"/>, or the next one; from any thread.</summary>
    void Wake();

    /// <summary>Asks the system to give a read up. It still has to be reaped.</summary>
    void Cancel(int tag);
}
