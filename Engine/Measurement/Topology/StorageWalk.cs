namespace NvStream.Measurement.Topology;

/// <summary>The way from a path down to the drives.</summary>
internal sealed class StorageWalk
{
    /// <summary>More layers than anyone stacks; what goes deeper goes round in circles.</summary>
    const int MaxDepth = 24;

    readonly SystemTree tree;
    readonly MountTable mounts;
    readonly List<Layer> layers = [];
    readonly List<PluggedDrive> drives = [];
    readonly HashSet<string> seen = [];
    Mount? lowest;
    string? deviceNumber;

    StorageWalk(SystemTree tree)
    {
        this.tree = tree;
        mounts = MountTable.Read(tree);
    }

    /// <param name="path">Absolute; it need not exist, and links in it are followed.</param>
    public static StorageStack Down(SystemTree tree, string path)
    {
        var walk = new StorageWalk(tree);
        var real = tree.Resolve(path);
        var mount = walk.mounts.Find(real);
        if (mount is not null)
        {
            walk.lowest = mount;
            walk.Enter(mount, real, 0);
        }

        return new(mount, walk.lowest, walk.deviceNumber, walk.layers, walk.drives);
    }

    /// <param name="path">Below the mount point.</param>
    void Enter(Mount mount, string path, int depth)
    {
        if (depth > MaxDepth)
        {
            return;
        }

        if (mount.FileSystem is "overlay" or "aufs")
        {
            EnterOverlay(mount, path, depth);
            return;
        }

        var devices = DevicesOf(mount);
        if (!IsBelowLoop)
        {
            lowest = mount;
            deviceNumber = mount.HasDevice ? mount.Device : devices.Select(NumberOf).FirstOrDefault();
        }

        if (devices.Count == 0)
        {
            layers.Add(new($"{mount.FileSystem} ({mount.Source})", LayerKind.Opaque));
        }

        foreach (var device in devices)
        {
            Descend(device, depth + 1);
        }
    }

    /// <summary>The file systems below a loop device hold the drive's image, not the files asked for.</summary>
    bool IsBelowLoop => layers.Any(l => l.Kind == LayerKind.Loop);

    void EnterOverlay(Mount mount, string path, int depth)
    {
        // The layer that holds the file, the upper one first; else the upper one, where new files go.
        var upper = mount.SuperOption("upperdir");
        var folders = new[] { upper }.Concat(LowerFolders(mount)).OfType<string>().Where(f => f.StartsWith('/')).ToArray();
        var inside = mount.Inside(path);
        var folder = folders.FirstOrDefault(f => tree.Exists(f + inside)) ?? folders.FirstOrDefault(tree.Exists);
        if (folder is not null)
        {
            var real = tree.Resolve(folder + inside);
            if (mounts.Find(real) is { } beneath && beneath != mount)
            {
                layers.Add(new("overlay", LayerKind.Overlay));
                Enter(beneath, real, depth + 1);
                return;
            }
        }

        if (upper is not null && Neighbour(upper) is { } neighbour)
        {
            layers.Add(new($"overlay (its folders are out of sight, on the device of {neighbour.Point})", LayerKind.Overlay));
            Enter(neighbour, neighbour.Point, depth + 1);
            return;
        }

        layers.Add(new("overlay (its folders are out of sight)", LayerKind.Overlay));
    }

    /// <summary>
    /// In a container the overlay's folders are out of sight, but container engines mount single files from beside them
    /// (/etc/hosts, /etc/resolv.conf): a mount from the same engine's folder shows the device.
    /// </summary>
    Mount? Neighbour(string upper)
    {
        // /var/lib/docker/overlay2/... and, by where the file system begins, /var/lib/docker/containers/..., /lib/docker/..., /docker/...
        const int EngineDepth = 3;
        var wanted = upper.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return mounts.All.FirstOrDefault(m => m.HasDevice && m.Root != "/" && Shares(m.Root.Split('/', StringSplitOptions.RemoveEmptyEntries)));

        bool Shares(string[] root) => Enumerable.Range(0, EngineDepth).Any(skip =>
            wanted.Length > EngineDepth && root.Length > EngineDepth - skip
            && root.AsSpan(0, EngineDepth - skip).SequenceEqual(wanted.AsSpan(skip, EngineDepth - skip)));
    }

    static string[] LowerFolders(Mount mount) => mount.SuperOption("lowerdir")?.Split(':') ?? [];

    /// <summary>The block devices of a file system, as folders of /sys; none where it has none or they cannot be seen.</summary>
    List<string> DevicesOf(Mount mount)
    {
        var devices = new List<string>();
        if (mount.HasDevice && tree.Exists("/sys/dev/block/" + mount.Device))
        {
            devices.Add(tree.Resolve("/sys/dev/block/" + mount.Device));
            return devices;
        }

        // btrfs and others have a number of their own, and name a device, or several with colons between.
        foreach (var source in mount.Source.StartsWith("/dev/", StringComparison.Ordinal) ? mount.Source.Split(':') : [])
        {
            if (ByName(source) is { } device)
            {
                devices.Add(device);
            }
        }

        if (mount.FileSystem == "btrfs" && devices is [var first])
        {
            return AllOfBtrfs(first);
        }

        return devices;
    }

    /// <summary>/sys/fs/btrfs/UUID/devices has a link to each device of a file system.</summary>
    List<string> AllOfBtrfs(string device)
    {
        foreach (var id in tree.Names("/sys/fs/btrfs"))
        {
            var folder = $"/sys/fs/btrfs/{id}/devices";
            var members = tree.Names(folder).Select(name => tree.Resolve($"{folder}/{name}")).ToList();
            if (members.Contains(device))
            {
                return members;
            }
        }

        return [device];
    }

    /// <param name="source">"/dev/nvme0n1p2", "/dev/mapper/vg-models".</param>
    string? ByName(string source)
    {
        var name = NameOf(tree.Resolve(source));
        if (tree.Exists("/sys/class/block/" + name))
        {
            return tree.Resolve("/sys/class/block/" + name);
        }

        // In a container /dev/mapper/NAME may be a device of its own instead of a link.
        return tree.Names("/sys/class/block")
            .Where(n => n.StartsWith("dm-", StringComparison.Ordinal) && tree.Line($"/sys/class/block/{n}/dm/name") == name)
            .Select(n => tree.Resolve("/sys/class/block/" + n)).FirstOrDefault();
    }

    string? NumberOf(string device) => tree.Line(device + "/dev") is { } number && Mount.IsDeviceNumber(number) ? number : null;

    /// <param name="device">Folder of a block device in /sys.</param>
    void Descend(string device, int depth)
    {
        if (depth > MaxDepth || !seen.Add(device))
        {
            return;
        }

        var name = NameOf(device);
        if (tree.Exists(device + "/partition"))
        {
            layers.Add(new(name, LayerKind.Partition));
            Descend(device[..Math.Max(0, device.LastIndexOf('/'))], depth + 1);
            return;
        }

        var below = tree.Names(device + "/slaves").Select(slave => tree.Resolve($"{device}/slaves/{slave}")).ToArray();
        if (below.Length > 0)
        {
            layers.Add(Describe(device, name));
            foreach (var slave in below)
            {
                Descend(slave, depth + 1);
            }

            return;
        }

        if (tree.Line(device + "/loop/backing_file") is { } file && mounts.Find(file) is { } mount)
        {
            layers.Add(new($"{name} ({file})", LayerKind.Loop));
            var before = drives.Count;
            Enter(mount, file, depth + 1);
            if (drives.Count > before)
            {
                return;
            }
        }

        drives.Add(DriveReader.Read(tree, device));
    }

    Layer Describe(string device, string name)
    {
        if (tree.Line(device + "/md/level") is { } level)
        {
            return new($"{name} ({level})", LayerKind.Volume);
        }

        if (tree.Line(device + "/dm/name") is { } mapped)
        {
            // The owner of a device-mapper device puts its name before the identity: LVM-..., CRYPT-LUKS2-..., mpath-...
            var owner = tree.Line(device + "/dm/uuid") ?? "";
            return owner switch
            {
                _ when owner.StartsWith("LVM-", StringComparison.Ordinal) => new($"{name} (LVM {mapped})", LayerKind.Volume),
                _ when owner.StartsWith("CRYPT-LUKS", StringComparison.Ordinal) => new($"{name} (LUKS {mapped})", LayerKind.Encryption),
                _ when owner.StartsWith("CRYPT-", StringComparison.Ordinal) => new($"{name} (dm-crypt {mapped})", LayerKind.Encryption),
                _ when owner.StartsWith("mpath-", StringComparison.Ordinal) => new($"{name} (multipath {mapped})", LayerKind.Volume),
                _ => new($"{name} (device mapper {mapped})", LayerKind.Volume),
            };
        }

        return new(name, LayerKind.Volume);
    }

    static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];
}
