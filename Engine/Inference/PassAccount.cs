using System.Globalization;
using NvStream.Streaming;

namespace NvStream.Inference;

/// <summary>
/// Where the time and the bytes of passes went, a mean over those that an answer took part in, whoever shared them. The
/// three times add up to <see cref="Duration"/>: a device computes, or waits for storage, or waits for the link.
/// </summary>
/// <remarks>
/// The bound takes what was measured and supposes that it overlapped without a gap. So it cannot see that reads or kernels
/// themselves could be faster: where storage had reads in flight all the time but too few for its full rate, or shared the
/// drive, or where the slots were too few to ask for more, the bound is what was reached (Measure-NvmePath says what the
/// path can do). The link's rate is that of copies alone, so a link that also carries something else looks wider
/// than it was. Compute includes reading weights from the device's own memory and the host's issuing of operations, which
/// cannot be told apart here: <see cref="BindingTerm.Vram"/> is never named. Few passes say little: slots were full when
/// the first of them began.
/// </remarks>
public sealed record PassAccount
{
    readonly PassFigures _sums;
    readonly double _tokens;

    /// <param name="tokens">That all these passes made.</param>
    internal PassAccount(in PassFigures sums, double tokens) => (_sums, _tokens) = (sums, tokens);

    /// <summary>Passes that were averaged.</summary>
    public int Passes => _sums.Passes;

    /// <summary>Of one pass, until the device was done with it.</summary>
    public TimeSpan Duration => Mean(_sums.Duration);

    /// <summary>From the end of one pass to the begin of the next: tokens are chosen and drafted. No part of <see cref="Duration"/>.</summary>
    public TimeSpan TimeBetween => Mean(_sums.Between);

    /// <summary>Tokens of the answer that a pass made, on average; of an account of the prompt, tokens of the prompt that it took.</summary>
    public double TokensPerPass => Passes == 0 ? 0 : _tokens / Passes;

    /// <summary>
    /// Weight bytes a pass read where they lay, in the device's memory: all resident ones, also the head's, which the
    /// middle of a prompt does not need.
    /// </summary>
    public long DeviceBytes => Mean(_sums.DeviceBytes);

    /// <summary>Weight bytes a pass took from page-locked host memory.</summary>
    public long HostBytes => Mean(_sums.HostBytes);

    /// <summary>Weight bytes a pass took from storage.</summary>
    public long StorageBytes => Mean(_sums.StorageBytes);

    /// <summary>Bytes per second from storage while it had reads in flight; 0 where none came from there.</summary>
    public double StorageRate => Rates.Of(_sums.StorageBytes, _sums.ReadTime);

    /// <summary>Bytes per second over the link to a device with memory of its own, as measured when the model was loaded, or as passes showed where they were faster; 0 where nothing moved over one.</summary>
    public double LinkRate => Rates.Of(_sums.HostBytes + _sums.StorageBytes, _sums.LinkTime);

    /// <summary>Time in which storage had reads in flight, <see cref="TimeBetween"/> included: they run on from pass to pass.</summary>
    public TimeSpan ReadTime => Mean(_sums.ReadTime);

    /// <summary>Time that bytes from storage and host memory need at <see cref="LinkRate"/>.</summary>
    public TimeSpan LinkTime => Mean(_sums.LinkTime);

    /// <summary>Time in which an idle device waited for storage.</summary>
    public TimeSpan StorageStall => Least(Mean(_sums.StorageStall), Duration);

    /// <summary>Time in which an idle device waited for copies over the link.</summary>
    public TimeSpan LinkStall => Least(Mean(_sums.LinkStall), Duration - StorageStall);

    /// <summary>The rest: the device computed, or was told what to compute.</summary>
    public TimeSpan ComputeTime => Duration - StorageStall - LinkStall;

    /// <summary>Tokens per second if the longest of reads, copies and compute alone had set the time of a pass.</summary>
    public double BoundRate => Rates.Of(_tokens, _sums.BoundTime);

    /// <summary>Which of them is the longest.</summary>
    public BindingTerm BindingTerm => _sums.BindingTerm;

    /// <summary>Tokens per second reached, by the time of these passes and between them.</summary>
    public double Rate => Rates.Of(_tokens, _sums.Duration + _sums.Between);

    internal PassFigures Sums => _sums;

    internal double Tokens => _tokens;

    /// <summary>One line for reports.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Digits(Rate)} t/s of at most {Digits(BoundRate)} by {BindingTerm}, {TokensPerPass:0.##} tokens a pass; a pass: {Duration.TotalMilliseconds:0.0} ms, {Bytes(DeviceBytes)} device, {Bytes(HostBytes)} host, {Bytes(StorageBytes)} NVMe, stalled {StorageStall.TotalMilliseconds:0.0} ms on NVMe and {LinkStall.TotalMilliseconds:0.0} ms on PCIe");

    TimeSpan Mean(TimeSpan sum) => Passes == 0 ? TimeSpan.Zero : sum / Passes;

    long Mean(long sum) => Passes == 0 ? 0 : sum / Passes;

    /// <summary>Three of them, for models of seconds a token too.</summary>
    static string Digits(double rate) => rate.ToString(rate < 10 ? "0.00" : rate < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);

    static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;

    // Powers of 1024, as PowerShell's own units.
    static string Bytes(long bytes) => bytes switch
    {
        0 => "0",
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.0} KB"),
        < 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):0.0} GB"),
    };
}
