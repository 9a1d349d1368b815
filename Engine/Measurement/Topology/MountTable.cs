namespace NvStream.Measurement.Topology;

/// <summary>What is mounted where, as this process sees it.</summary>
internal sealed class MountTable
{
    readonly IReadOnlyList<Mount> mounts;
    readonly ILookup<int, Mount> children;

    MountTable(IReadOnlyList<Mount> mounts)
    {
        this.mounts = mounts;
        children = mounts.ToLookup(m => m.Parent);
    }

    public IReadOnlyList<Mount> All => mounts;

    /// <summary>Empty where there is no /proc.</summary>
    public static MountTable Read(SystemTree tree) =>
        new([.. (tree.Text("/proc/self/mountinfo") ?? "").Split('\n').Select(Mount.Parse).OfType<Mount>()]);

    /// <summary>
    /// The mount that a path is reached through, by the way the kernel goes: from the root's mount to that of its mounts
    /// which is met first, so that what is mounted over a folder hides the mounts below it.
    /// </summary>
    /// <param name="path">Absolute, links followed; it need not exist.</param>
    /// <returns>Null where the table has nothing for it.</returns>
    public Mount? Find(string path)
    {
        var ids = mounts.Select(m => m.Id).ToHashSet();
        var current = mounts.LastOrDefault(m => m.Point == "/" && (m.Parent == m.Id || !ids.Contains(m.Parent)));
        if (current is null)
        {
            // No root, as in a table that was cut: the longest mount point, and of several the one on top.
            return mounts.Where(m => m.Holds(path)).Reverse().MaxBy(m => m.Point.Length);
        }

        var seen = new HashSet<int> { current.Id };
        while (children[current.Id].Where(m => m.Holds(path) && !seen.Contains(m.Id)).MinBy(m => m.Point.Length) is { } next)
        {
            seen.Add(next.Id);
            current = next;
        }

        return current;
    }
}
