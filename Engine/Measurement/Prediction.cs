using NvStream.Streaming;

namespace NvStream.Measurement;

/// <summary>
/// What a model's decoding will reach by the bound
/// <c>tokens_per_pass / max(storage_bytes/storage_rate, link_bytes/link_rate, weight_bytes/memory_rate + arithmetic)</c>.
/// Left out: attention over long contexts, norms and sampling, and that reads into host memory share its bandwidth with
/// a device that computes there.
/// </summary>
/// <param name="TokenRate">Tokens per second of all sequences together.</param>
/// <param name="BindingTerm">The largest term; where reading weights and arithmetic bind together, the larger of the two.</param>
/// <param name="PassTime">Time of a pass.</param>
public sealed record Prediction(double TokenRate, BindingTerm BindingTerm, TimeSpan PassTime)
{
    /// <summary>Sequences of the prediction for a batch.</summary>
    internal const int Batch = 8;

    /// <param name="storageRate">Bytes per second from the file to the device's memory.</param>
    /// <param name="sequences">Sequences that decode together: 1 or 8. A plan whose passes carry fewer takes more passes.</param>
    public static Prediction Of(ModelDemand demand, MeasuredRates rates, double storageRate, int sequences)
    {
        ArgumentNullException.ThrowIfNull(demand);
        ArgumentNullException.ThrowIfNull(rates);
        var tokens = Math.Min(sequences, demand.Plan.PassSequences);
        var storage = demand.StorageBytes > 0 ? demand.StorageBytes / storageRate : 0;
        var link = rates.Link is { } rate ? (demand.StorageBytes + demand.HostBytes) / rate : 0;

        // Products were timed whole; what their weights take to be read is the one part, the rest is arithmetic.
        var products = rates.ProductTime(sequences).TotalSeconds;
        var memory = Math.Min(products, demand.WeightBytes / rates.Memory);
        var arithmetic = products - memory;
        var pass = Math.Max(products, Math.Max(storage, link));
        var term = pass <= 0 ? BindingTerm.Compute
            : storage >= pass ? BindingTerm.Nvme
            : link >= pass ? BindingTerm.Pcie
            : memory >= arithmetic ? BindingTerm.Vram
            : BindingTerm.Compute;
        return new(pass > 0 ? tokens / pass : 0, term, TimeSpan.FromSeconds(pass));
    }
}
