using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace NvStream.Storage.CuFile;

/// <summary>
/// udev's notes about block devices, in which cuFile looks for a file system's type: /run/udev/data/b259:1 with the lines
/// E:ID_FS_USAGE=filesystem and E:ID_FS_TYPE=ext4. Containers and minimal machines have none.
/// </summary>
static class UdevData
{
    /// <summary>Whether the notes say that there is a file system, and which.</summary>
    public static bool NamesFileSystem(string path)
    {
        try
        {
            var lines = File.ReadAllLines(path);
            return lines.Contains("E:ID_FS_USAGE=filesystem") && lines.Any(l => l.StartsWith("E:ID_FS_TYPE=", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Where udev notes what it knows about the device that a file lies on; null where the kernel does not tell.</summary>
    /// <param name="root">In place of "/", for recorded trees.</param>
    public static string? FileOf(SafeFileHandle file, string root = "/")
    {
        try
        {
            // mnt_id names a line of mountinfo: "36 35 259:1 / /mnt rw - ext4 ...".
            var descriptor = ((int)file.DangerousGetHandle()).ToString(CultureInfo.InvariantCulture);
            var mount = File.ReadLines(Path.Combine(root, "proc/self/fdinfo", descriptor))
                .FirstOrDefault(l => l.StartsWith("mnt_id:", StringComparison.Ordinal))?["mnt_id:".Length..].Trim();
            var device = mount is null
                ? null
                : File.ReadLines(Path.Combine(root, "proc/self/mountinfo")).Select(l => l.Split(' ')).FirstOrDefault(f => f.Length > 2 && f[0] == mount)?[2];
            return device is null ? null : Path.Combine(root, "run/udev/data", "b" + device);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What to do where cuFile refuses a file for want of notes.</summary>
    public static string? Remedy(SafeFileHandle file) => FileOf(file) is not { } path
        ? null
        : NamesFileSystem(path)
            ? $"cuFile finds the file system's type in {path}, which is there: look at cufile.log in the system's folder for temporary files."
            : $"cuFile looks for E:ID_FS_USAGE and E:ID_FS_TYPE in {path}, "
                + (File.Exists(path) ? "which lacks them" : "which is not there")
                + ": run udevd, and in a container mount the host's /run/udev. Or use -Route HostStaged or Auto.";
}
