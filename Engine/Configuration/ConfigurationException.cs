namespace NvStream.Configuration;

/// <summary>A configuration file that cannot be read, or a value in it that cannot be used.</summary>
public sealed class ConfigurationException : NvStreamException
{
    ConfigurationException(string message, string remedy, Exception? inner = null)
        : base("ConfigurationInvalid", message, remedy, inner)
    {
    }

    public static ConfigurationException Unreadable(Exception inner) => new(
        inner.Message + (inner.InnerException is { } cause ? " " + cause.Message : ""), "Mend the file named above or remove it.", inner);

    /// <param name="origin">The file or environment variable that the value stands in.</param>
    public static ConfigurationException BadValue(string key, string value, string origin, string expected) => new(
        $"{key} is '{value}' by {origin}, but must be {expected}.", "Mend the value there, or give the parameter, which wins.");
}
