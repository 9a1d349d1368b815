namespace NvStream.Measurement.Topology;

/// <summary>What files do not tell and other rooms can try. Null: nobody can, and nothing is said of it.</summary>
internal static class LiveProbes
{
    /// <summary>Sets up a ring and gives why that was refused; null where it works.</summary>
    public static Func<string?>? IoUring => null;

    /// <summary>The version of the cuFile library; null where it is not there.</summary>
    public static Func<string?>? CuFileVersion => null;
}
