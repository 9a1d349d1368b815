using System.Diagnostics;
using System.Runtime.InteropServices;

namespace NvStream.Storage.CuFile;

/// <summary>A tag's batch, and its read while there is one.</summary>
sealed class BatchedRead(ICuFile cuFile, int tag) : IDisposable
{
    /// <summary>Answers in a row that say nothing but an error, after which the batch is given up.</summary>
    const int MostPollErrors = 3;

    // None from when one is destroyed until the next read.
    ICuFileBatch? _batch;
    CuFileRead _parameters;
    ReadCompletion? _end;
    int _generation;
    int _pollErrors;

    public bool IsInFlight { get; private set; }

    /// <summary>When the last read was started, in the stopwatch's ticks.</summary>
    public long Started { get; private set; }

    /// <summary>Makes the batch.</summary>
    /// <exception cref="CuFileException">It cannot be had.</exception>
    public void Prepare() => _batch ??= cuFile.CreateBatch();

    /// <param name="memory">Start of the registered memory that is read into; without any, the destination itself.</param>
    public void Start(in ReadRequest request, nint memory)
    {
        Debug.Assert(!IsInFlight && _end is null, "The tag is in use.");
        Started = Stopwatch.GetTimestamp();
        _pollErrors = 0;
        _parameters = new()
        {
            Mode = CuFileRead.BatchMode,
            MemoryBase = memory,
            MemoryOffset = request.Destination - memory,
            FileOffset = request.Offset,
            Bytes = (nuint)request.Length,
            File = cuFile.FileAt(request.File),
            Operation = CuFileRead.ReadOperation,
            Cookie = ((long)++_generation << 32) | (uint)tag,
        };
        try
        {
            Prepare();
        }
        catch (CuFileException e)
        {
            Fail(new("there is no batch any more: " + e.Reason));
            return;
        }

        var error = _batch!.Submit(_parameters);
        if (error.IsSuccess)
        {
            IsInFlight = true;
            return;
        }

        Dispose();
        Fail(new("cuFileBatchIOSubmit: " + CuFileCodes.Meaning(error), IsTransient: error.Code == CuFileCode.BatchFull));
    }

    /// <summary>What became of the read, told once; null where there is none or it has not ended.</summary>
    public ReadCompletion? TakeEnd()
    {
        if (IsInFlight)
        {
            Poll();
        }

        var end = _end;
        _end = null;
        return end;
    }

    /// <summary>The read's end still has to be taken.</summary>
    public void Cancel()
    {
        if (IsInFlight)
        {
            _ = _batch!.Cancel();
        }
    }

    /// <summary>Destroys the batch, which ends its read; another read makes another.</summary>
    public void Dispose()
    {
        _batch?.Dispose();
        _batch = null;
    }

    void Poll()
    {
        var error = _batch!.GetStatus(out var happened);
        if (!error.IsSuccess)
        {
            if (++_pollErrors >= MostPollErrors)
            {
                // Only when the batch is destroyed may the read's memory be used again.
                Cancel();
                Dispose();
                Fail(new("cuFileBatchIOGetStatus: " + CuFileCodes.Meaning(error)));
            }

            return;
        }

        _pollErrors = 0;
        // An event that comes twice, or late, is another read's.
        if (happened is { Status: not (CuFileStatus.Waiting or CuFileStatus.Pending) } end && end.Cookie == _parameters.Cookie)
        {
            var failure = FailureOf(end, (long)_parameters.Bytes);
            End(failure is null ? (int)end.Result : 0, failure);
        }
    }

    void End(int bytes, ReadError? error)
    {
        IsInFlight = false;
        _end = new(tag, bytes, error);
    }

    void Fail(ReadError error) => End(0, error);

    static ReadError? FailureOf(in CuFileEvent end, long asked) => end.Status switch
    {
        CuFileStatus.Complete when end.Result >= 0 && end.Result <= asked => null,
        CuFileStatus.Complete => new(FormattableString.Invariant($"a read of {asked} bytes ended with {CodeOf(end.Result)}")),
        CuFileStatus.Canceled => new("the read was given up (CUFILE_CANCELED)"),
        CuFileStatus.TimedOut => new("cuFile's own time limit for a batch passed (CUFILE_TIMEOUT)"),
        CuFileStatus.Invalid => new("cuFile took the read for invalid (CUFILE_INVALID)"),
        CuFileStatus.Failed => new($"the read failed with {CodeOf(end.Result)} (CUFILE_FAILED)"),
        _ => new(FormattableString.Invariant($"cuFile reported a status that is not known (0x{(int)end.Status:X})")),
    };

    /// <summary>What a negative result says: a code of cuFile's, or the system's errno.</summary>
    static string CodeOf(long result) => result switch
    {
        < -5000 and > -6000 => CuFileCodes.Meaning(new((CuFileCode)(int)-result, 0)),
        < 0 and > -5000 => FormattableString.Invariant($"{Marshal.GetPInvokeErrorMessage((int)-result)} (errno {-result})"),
        _ => FormattableString.Invariant($"result {result}"),
    };
}
