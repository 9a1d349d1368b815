namespace NvStream.Compute.Cpu;

/// <summary>A control group's folder.</summary>
/// <param name="IsUnified">Version 2, where a folder holds the files of all controllers.</param>
internal readonly record struct ControlGroup(string Folder, bool IsUnified)
{
    public string File(string name) => Path.Combine(Folder, name);
}

/// <summary>The control groups (cgroups(7)) that limit this process; none where there is no Linux.</summary>
internal static class ControlGroups
{
    /// <summary>
    /// The process's own group and every one around it, up to the root: each of them limits what is inside it. A
    /// container sees its own group as the root, while the path may be the host's: folders need not exist.
    /// </summary>
    /// <param name="controller">As named by version 1: "cpu", "memory".</param>
    /// <param name="root">Folder of a recorded tree of /proc and /sys; empty for this machine.</param>
    public static IEnumerable<ControlGroup> Around(string controller, string root = "")
    {
        foreach (var line in SmallFiles.Lines(root + "/proc/self/cgroup"))
        {
            // hierarchy:controllers:path
            if (line.Split(':', 3) is not [var hierarchy, var controllers, var group])
            {
                continue;
            }

            var isUnified = hierarchy == "0" && controllers.Length == 0;
            if (!isUnified && !controllers.Split(',').Contains(controller))
            {
                continue;
            }

            var mount = root + "/sys/fs/cgroup" + (isUnified ? "" : "/" + controller);
            for (var path = group.Trim('/'); ; path = path.Contains('/') ? path[..path.LastIndexOf('/')] : "")
            {
                yield return new(Path.Combine(mount, path), isUnified);
                if (path.Length == 0)
                {
                    break;
                }
            }
        }
    }
}
