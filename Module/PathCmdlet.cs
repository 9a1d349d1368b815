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
            var found = FindPaths(path, isLiteral, out var provider);
            if (provider is not ("FileSystem" or ""))
            {
                throw ModuleException.NotAFile(path, $"is a {provider} path");
            }

            if (!isLiteral && WildcardPattern.ContainsWildcardCharacters(path))
            {
                // A pattern that takes in a whole split set means the set, not each of its parts.
                found.RemoveAll(f => !File.Exists(f) || LaterPart.IsMatch(f));
            }

            if (found.Count == 0)
            {
                throw GgufException.NotFound(path);
            }

            return found.Exists(Directory.Exists) ? throw ModuleException.NotAFile(path, "is a folder") : found;
        }
        catch (NvStreamException e)
        {
            WriteError(e, path);
            return [];
        }
    }

    [GeneratedRegex(@"-(?!00001-)\d{5}-of-\d{5}\.gguf$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LaterPart { get; }
}
