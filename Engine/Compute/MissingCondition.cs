namespace NvStream.Compute;

/// <summary>Something that the fastest way needs and this machine has not: what a fleet's report lists.</summary>
/// <param name="Name">Stable, for scripts: "nvidia-fs", "udev data".</param>
/// <param name="Found">What is there.</param>
/// <param name="Needed">What would do.</param>
/// <param name="Remedy">What an administrator can do about it; never done by the engine.</param>
public sealed record MissingCondition(string Name, string Found, string Needed, string Remedy);
