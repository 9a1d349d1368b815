using System.Runtime.InteropServices;

namespace NvStream.Compute;

/// <summary>What came of looking for a native library under several names.</summary>
/// <param name="Handle">0 where none could be loaded.</param>
/// <param name="Name">The name that was found.</param>
/// <param name="Tried">Every name that was tried in vain, each with the system's reason.</param>
internal sealed record LibrarySearch(nint Handle, string? Name, IReadOnlyList<string> Tried)
{
    public bool IsFound => Handle != 0;

    /// <summary>Loads the first of <paramref name="names"/> that the system can load; never throws.</summary>
    public static LibrarySearch Find(IEnumerable<string> names)
    {
        var tried = new List<string>();
        foreach (var name in names)
        {
            try
            {
                return new(NativeLibrary.Load(name), name, tried);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or ArgumentException)
            {
                tried.Add($"{name} ({Reason(name, e.Message)})");
            }
        }

        return new(0, null, tried);
    }

    /// <summary>The runtime's advice comes first and the loader's own words last, which begin with the name.</summary>
    static string Reason(string name, string message)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var reason = lines.Length > 0 ? lines[^1].TrimEnd('.') : "no reason given";
        return reason.StartsWith(name + ": ", StringComparison.Ordinal) ? reason[(name.Length + 2)..] : reason;
    }
}
