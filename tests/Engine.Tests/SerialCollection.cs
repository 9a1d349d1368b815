namespace NvStream.Tests;

/// <summary>Tests that count the process's memory, files or allocations run while nothing else does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class SerialCollection
{
    public const string Name = "serial";
}
