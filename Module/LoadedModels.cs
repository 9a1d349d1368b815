using System.Management.Automation;
using System.Management.Automation.Runspaces;
using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>
/// The models that are loaded, in the order they came. Shared by the process's runspaces, so that
/// <c>ForEach-Object -Parallel</c> finds a model by name; removing the module releases those that its own runspace imported.
/// </summary>
static class LoadedModels
{
    static readonly Lock Gate = new();
    static readonly List<(StreamModel Model, Guid Owner)> Entries = [];

    /// <summary>A snapshot; models that were disposed directly have left it.</summary>
    public static IReadOnlyList<StreamModel> All
    {
        get
        {
            lock (Gate)
            {
                Entries.RemoveAll(e => e.Model.IsDisposed);
                return [.. Entries.Select(e => e.Model)];
            }
        }
    }

    public static StreamModel? Find(string name) => All.FirstOrDefault(m => IsNamed(m, name));

    /// <summary>The model of exactly this name, else those that the pattern matches.</summary>
    public static IReadOnlyList<StreamModel> Match(string pattern)
    {
        var wildcard = new WildcardPattern(pattern, WildcardOptions.IgnoreCase);
        return Find(pattern) is { } exact ? [exact] : [.. All.Where(m => wildcard.IsMatch(m.Name))];
    }

    /// <summary>False when another model of that name is there already.</summary>
    public static bool TryAdd(StreamModel model)
    {
        lock (Gate)
        {
            if (Entries.Exists(e => !e.Model.IsDisposed && IsNamed(e.Model, model.Name)))
            {
                return false;
            }

            Entries.Add((model, CurrentRunspace));
            return true;
        }
    }

    /// <summary>Disposes a model; one that was disposed before is only forgotten.</summary>
    public static void Release(StreamModel model)
    {
        lock (Gate)
        {
            Entries.RemoveAll(e => ReferenceEquals(e.Model, model));
        }

        model.Dispose();
    }

    /// <summary>Disposes every model that the current runspace imported.</summary>
    public static void ReleaseAll()
    {
        List<(StreamModel Model, Guid Owner)> mine;
        lock (Gate)
        {
            mine = Entries.FindAll(e => e.Owner == CurrentRunspace);
            Entries.RemoveAll(mine.Contains);
        }

        mine.ForEach(e => e.Model.Dispose());
    }

    static Guid CurrentRunspace => Runspace.DefaultRunspace?.InstanceId ?? Guid.Empty;

    static bool IsNamed(StreamModel model, string name) => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase);
}
