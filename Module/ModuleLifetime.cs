using System.Management.Automation;

namespace NvStream.Commands;

/// <summary>What PowerShell calls when the module comes and goes. Importing registers a resolver and does nothing else.</summary>
public sealed class ModuleLifetime : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    public void OnImport() => EngineLoadContext.Register();

    /// <summary>Cancels what runs on the models that this runspace imported and frees them.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        LoadedModels.ReleaseAll();
        EngineLoadContext.Unregister();
    }
}
