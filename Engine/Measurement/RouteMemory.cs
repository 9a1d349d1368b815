using System.Text.Json;
using NvStream.Compute;
using NvStream.Storage;

namespace NvStream.Measurement;

/// <summary>A rate that a probe found.</summary>
/// <param name="Key">Device and drives.</param>
/// <param name="Rate">Bytes per second.</param>
public sealed record RememberedRate(string Key, RouteKind Route, double Rate, DateTime Measured);

/// <summary>
/// What probes found, in a file of the user's cache folder. Only a memory: a file that is missing, damaged or cannot be
/// written costs a probe and nothing else.
/// </summary>
/// <param name="path">Full path of the file.</param>
public sealed class RouteMemory(string path)
{
    /// <summary>After that a drive is fuller, a driver newer, a slot another.</summary>
    static readonly TimeSpan s_validity = TimeSpan.FromDays(30);

    static readonly Lock s_lock = new();

    /// <summary>The user's: $XDG_CACHE_HOME, ~/.cache, ~/Library/Caches or %LOCALAPPDATA%.</summary>
    public static RouteMemory OfUser()
    {
        var local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var folder = OperatingSystem.IsWindows() ? local
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache) ? cache
            : Path.Combine(home, ".cache");
        return new(Path.Combine(folder, "NvStream", "routes.json"));
    }

    /// <summary>What a rate depends on: the device, and how the file system comes to which drives.</summary>
    public static string KeyOf(DeviceInfo device, PathEnvironment environment) => string.Join(
        " | ",
        [
            $"{device.Kind}:{device.Index} {device.Name}", environment.FileSystem ?? "unknown", environment.MountPoint ?? "unknown",
            .. environment.Drives.Select(d => $"{d.Name} {d.Model} {d.Size}"), environment.Kernel,
        ]);

    public RememberedRate? Find(string key, RouteKind route) =>
        Read().Find(r => r.Key == key && r.Route == route && DateTime.UtcNow - r.Measured < s_validity);

    public void Remember(string key, RouteKind route, double rate)
    {
        lock (s_lock)
        {
            var rates = Read();
            rates.RemoveAll(r => (r.Key == key && r.Route == route) || DateTime.UtcNow - r.Measured >= s_validity);
            rates.Add(new(key, route, rate, DateTime.UtcNow));
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                var next = $"{path}.{Environment.ProcessId}";
                File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(rates));
                File.Move(next, path, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The next import probes again.
            }
        }
    }

    List<RememberedRate> Read()
    {
        try
        {
            var rates = JsonSerializer.Deserialize<List<RememberedRate>>(File.ReadAllBytes(path)) ?? [];
            return rates.FindAll(r => r is { Key: not null, Rate: > 0 } && double.IsFinite(r.Rate) && r.Measured <= DateTime.UtcNow);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }
}
