namespace NvStream.Tests.Cpu;

/// <summary>Files of /proc and /sys as a machine has them, below a folder; gone on disposal.</summary>
sealed class RecordedTree : IDisposable
{
    public RecordedTree(params (string Path, string Text)[] files)
    {
        foreach (var (path, text) in files)
        {
            Write(path, text);
        }
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("nvstream").FullName;

    public void Write(string path, string text)
    {
        var file = Root + path;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
