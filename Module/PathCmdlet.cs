using System.Management.Automation;
using System.Text.RegularExpressions;
using NvStream.Gguf;

namespace NvStream.Commands;

/// <summary>Parameters that name files, with wildcards (Path) or without (LiteralPath), in the file system only.</summary>
public abstract partial class PathCmdlet : StreamCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Path", ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "GGUF files; wildcards are allowed. The first file of a split set opens the set.")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = "LiteralPath", ValueFromPipelineByPropertyName = true, HelpMessage = "GGUF files, taken literally: no wildcards.")]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Full paths of the files that the parameters mean; what names none is a non-terminating error.</summary>
    private protected IEnumerable<string> ResolvePaths() => ParameterSetName == "LiteralPath"
        ? LiteralPath.SelectMany(p => Resolve(p, isLiteral: true))
        : Path.SelectMany(p => Resolve(p, isLiteral: false));

    List<string> Resolve(string path, bool isLiteral)
    {
        try
        {
            ProviderInfo provider;
            IEnumerable<string> found = isLiteral
                ? [SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out provider, out _)]
                : SessionState.Path.GetResolvedProviderPathFromPSPath(path, out provider);
            if (provider.Name != "FileSystem")
            {
                throw ModuleException.NotAFile(path, $"is a {provider.Name} path");
            }

            if (!isLiteral && WildcardPattern.ContainsWildcardCharacters(path))
            {
                // A pattern that takes in a whole split set means the set, not each of its parts.
                found = found.Where(f => File.Exists(f) && !LaterPart.IsMatch(f));
            }

            List<string> files = [.. found];
            if (files.Count == 0 || (isLiteral && !File.Exists(files[0]) && !Directory.Exists(files[0])))
            {
                throw GgufException.NotFound(path);
            }

            return files.Exists(Directory.Exists) ? throw ModuleException.NotAFile(path, "is a folder") : files;
        }
        catch (NvStreamException e)
        {
            WriteError(e, path);
        }
        catch (Exception e) when (e is ItemNotFoundException or ProviderNotFoundException or System.Management.Automation.DriveNotFoundException)
        {
            WriteError(GgufException.NotFound(path, e), path);
        }

        return [];
    }

    [GeneratedRegex(@"-(?!00001-)\d{5}-of-\d{5}\.gguf$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LaterPart { get; }
}
