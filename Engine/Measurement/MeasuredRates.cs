namespace NvStream.Measurement;

/// <summary>What a device was seen to do, for predictions.</summary>
/// <param name="Link">Bytes per second from pinned host memory to the device; null where its memory is host memory.</param>
/// <param name="Memory">Bytes per second that the device reads from its own memory.</param>
/// <param name="ProductsOfOne">Time that all of a model's products take in a pass of one row.</param>
/// <param name="ProductsOfEight">The same of eight rows.</param>
public sealed record MeasuredRates(double? Link, double Memory, TimeSpan ProductsOfOne, TimeSpan ProductsOfEight)
{
    internal TimeSpan ProductTime(int rows) => rows switch
    {
        1 => ProductsOfOne,
        Prediction.Batch => ProductsOfEight,
        _ => throw new ArgumentOutOfRangeException(nameof(rows), rows, "Products are timed with 1 and 8 rows."),
    };
}
