using System.Globalization;
using System.Text.RegularExpressions;

namespace NvStream.Measurement.Topology;

/// <summary>What the kernel and its modules say of themselves and of what this process may.</summary>
internal sealed partial class KernelFacts(SystemTree tree)
{
    // linux/capability.h.
    const int CapIpcLock = 14;
    const int CapSysAdmin = 21;

    /// <summary>"6.8.0-45-generic"; null where there is no Linux.</summary>
    public string? Release { get; } = tree.Line("/proc/sys/kernel/osrelease");

    /// <summary>6.8; 0.0 where that is not known.</summary>
    public Version Version => VersionForm().Match(Release ?? "") is { Success: true } match && Version.TryParse(match.Value, out var version) ? version : new();

    /// <summary>Bytes that the process may lock in memory; null is no limit.</summary>
    public long? MemlockLimit
    {
        get
        {
            const string Name = "Max locked memory";
            var line = Lines("/proc/self/limits").FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
            return line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
                && long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;
        }
    }

    /// <summary>Whether the limit does not count for this process. A capability within a user namespace does not help.</summary>
    public bool MayLockAnything => Has(CapIpcLock) && OwnsItsUsers;

    /// <summary>The loaded NVIDIA driver; null where there is none.</summary>
    public NvidiaDriver? Driver
    {
        get
        {
            // NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build ...
            // NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024
            var line = tree.Line("/proc/driver/nvidia/version");
            return line is not null && DriverForm().Match(line) is { Success: true } match
                ? new(match.Value, line.Contains("Open Kernel Module", StringComparison.Ordinal), line.Contains("x86_64", StringComparison.Ordinal))
                : null;
        }
    }

    /// <summary>Of the loaded nvidia-fs module, "unknown" where it does not tell; null where it is not loaded.</summary>
    public string? NvidiaFsVersion =>
        tree.Exists("/sys/module/nvidia_fs") || Lines("/proc/modules").Any(l => l.StartsWith("nvidia_fs ", StringComparison.Ordinal))
            ? tree.Line("/sys/module/nvidia_fs/version") ?? "unknown" : null;

    /// <summary>A parameter of the loaded NVIDIA driver; null where it has none of that name.</summary>
    public string? DriverParameter(string name) => Lines("/proc/driver/nvidia/params")
        .Where(l => l.StartsWith(name + ":", StringComparison.Ordinal)).Select(l => l[(name.Length + 1)..].Trim().Trim('"')).FirstOrDefault();

    /// <summary>"Y" where several paths to a drive are joined in one device; null without the NVMe module.</summary>
    public string? NvmeMultipath => tree.Line("/sys/module/nvme_core/parameters/multipath");

    /// <summary>Whether there is an NVMe drive on PCIe.</summary>
    public bool HasLocalNvme => tree.Names("/sys/class/nvme").Any(name => tree.Line($"/sys/class/nvme/{name}/transport") == "pcie");

    /// <summary>Why the kernel's settings forbid io_uring; null where they do not.</summary>
    public string? IoUringRefusal
    {
        get
        {
            if (Release is null)
            {
                return "there is no Linux kernel";
            }

            if (Version < new Version(5, 11))
            {
                return "Linux " + Release;
            }

            // Documentation/admin-guide/sysctl/kernel.rst, io_uring_disabled: kernels before 6.6 do not have it.
            return tree.Number("/proc/sys/kernel/io_uring_disabled") switch
            {
                1 when !Has(CapSysAdmin) && !IsInGroup(tree.Number("/proc/sys/kernel/io_uring_group")) =>
                    "kernel.io_uring_disabled is 1, and this process is neither privileged nor in kernel.io_uring_group",
                2 => "kernel.io_uring_disabled is 2",
                _ => null,
            };
        }
    }

    bool OwnsItsUsers => Lines("/proc/self/uid_map") is var lines
        && (lines.Length == 0 || lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["0", "0", _, ..]);

    bool Has(int capability) => ulong.TryParse(Status("CapEff:"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var set)
        && (set >> capability & 1) != 0;

    bool IsInGroup(long? group) => group >= 0
        && $"{Status("Groups:")} {Status("Gid:")}".Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)
            .Contains(group.Value.ToString(CultureInfo.InvariantCulture));

    string? Status(string name) => Lines("/proc/self/status")
        .Where(l => l.StartsWith(name, StringComparison.Ordinal)).Select(l => l[name.Length..].Trim()).FirstOrDefault();

    string[] Lines(string path) => tree.Text(path)?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    [GeneratedRegex(@"^\d{1,4}\.\d{1,4}")]
    private static partial Regex VersionForm();

    [GeneratedRegex(@"\b[0-9]{3,4}\.[0-9]{1,4}(\.[0-9]{1,4})?\b")]
    private static partial Regex DriverForm();
}
