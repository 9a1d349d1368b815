using Microsoft.Extensions.Configuration;

namespace NvStream.Configuration;

/// <summary>
/// Users' defaults for the cmdlets' parameters: <c>nvstream.json</c> beside the manifest, then in the user's
/// configuration folder, then environment variables <c>NVSTREAM__Section__Name</c>; the later wins.
/// A value that a parameter gives wins over all.
/// </summary>
public sealed class StreamDefaults
{
    readonly IConfigurationRoot _root;

    StreamDefaults(IConfigurationRoot root) => _root = root;

    /// <summary>The value of, say, <c>Import:DeviceBudget</c>; null where nobody set one.</summary>
    public string? this[string key] => _root[key];

    /// <param name="files">JSON files, the weakest first; absent ones are skipped.</param>
    /// <exception cref="ConfigurationException">A file that is there but is not valid JSON.</exception>
    public static StreamDefaults Load(params ReadOnlySpan<string> files)
    {
        var builder = new ConfigurationBuilder();
        foreach (var file in files)
        {
            builder.AddJsonFile(file, optional: true, reloadOnChange: false);
        }

        try
        {
            return new(builder.AddEnvironmentVariables("NVSTREAM__").Build());
        }
        catch (InvalidDataException e)
        {
            throw new ConfigurationException(e);
        }
    }
}

/// <summary>A configuration file that cannot be read.</summary>
public sealed class ConfigurationException(Exception inner) : NvStreamException(
    "ConfigurationInvalid", inner.Message + (inner.InnerException is { } cause ? " " + cause.Message : ""),
    "Mend the file named above or remove it.", inner);
