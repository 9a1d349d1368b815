using System.Reflection;
using System.Runtime.Loader;

namespace NvStream.Commands;

/// <summary>
/// Loads the engine and its packages from <c>lib/engine</c>, apart from what the session and other modules have loaded:
/// their older Microsoft.Extensions.* and ours never meet. What the folder does not hold comes from the runtime.
/// </summary>
sealed class EngineLoadContext() : AssemblyLoadContext("NvStream.Engine")
{
    const string EngineName = "NvStream.Engine";

    // One for the life of the process: NvStream.dll stays bound to the engine it met first, so importing the module
    // again must find the same types.
    static readonly Lazy<EngineLoadContext> Instance = new(() => new());

    static readonly string Folder = Path.Combine(Path.GetDirectoryName(typeof(EngineLoadContext).Assembly.Location)!, "engine");

    static int _imports;

    /// <summary>Counted, because every runspace of the process imports the module for itself.</summary>
    public static void Register()
    {
        if (Interlocked.Increment(ref _imports) == 1)
        {
            Default.Resolving += ResolveEngine;
        }
    }

    public static void Unregister()
    {
        if (Interlocked.Decrement(ref _imports) == 0)
        {
            Default.Resolving -= ResolveEngine;
        }
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        var path = Path.Combine(Folder, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }

    static Assembly? ResolveEngine(AssemblyLoadContext context, AssemblyName name) =>
        name.Name == EngineName ? Instance.Value.LoadFromAssemblyName(name) : null;
}
