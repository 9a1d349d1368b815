using System.Security.Cryptography;
using System.Text.Json;

namespace NvStream.Tests.Cuda;

/// <summary>Compares a folder of kernel sources with what its bin/manifest.json says was built from them.</summary>
static class KernelManifest
{
    public const long MostBytes = 16L << 20;

    static readonly string[] Targets = ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "ptx"];

    /// <summary>Everything that does not agree, a line each.</summary>
    public static List<string> Complaints(string folder, long mostBytes = MostBytes)
    {
        var path = Path.Combine(folder, "bin", "manifest.json");
        if (!File.Exists(path))
        {
            return [$"{path} is missing: run ./build.ps1 -Task Kernels where there is nvcc"];
        }

        using var manifest = JsonDocument.Parse(File.ReadAllText(path));
        var sources = Listed(manifest, "sources");
        var outputs = Listed(manifest, "outputs");
        var bin = Path.Combine(folder, "bin");
        List<string> complaints =
        [
            .. Differences("source", folder, sources, [.. Files(folder, "*.cu", SearchOption.TopDirectoryOnly), .. Files(folder, "*.cuh", SearchOption.TopDirectoryOnly)]),
            .. Differences("output", bin, outputs, Files(bin, "*", SearchOption.AllDirectories).Where(f => f != "manifest.json")),
        ];
        foreach (var source in sources.Keys.Where(s => s.EndsWith(".cu", StringComparison.Ordinal)))
        {
            var name = Path.GetFileNameWithoutExtension(source);
            complaints.AddRange(Targets
                .Select(target => $"{target}/{name}.{(target == "ptx" ? "ptx.gz" : "cubin.gz")}")
                .Where(output => !outputs.ContainsKey(output))
                .Select(output => $"output {output} was not built"));
        }

        var bytes = outputs.Keys.Select(o => new FileInfo(Path.Combine(bin, o))).Where(f => f.Exists).Sum(f => f.Length);
        if (bytes > mostBytes)
        {
            complaints.Add($"the outputs take {bytes} bytes together, at most {mostBytes} are wanted");
        }

        return complaints;
    }

    static Dictionary<string, string> Listed(JsonDocument manifest, string property) =>
        manifest.RootElement.GetProperty(property).EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString()!);

    static IEnumerable<string> Files(string folder, string pattern, SearchOption depth) =>
        Directory.EnumerateFiles(folder, pattern, depth).Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/'));

    static IEnumerable<string> Differences(string kind, string folder, Dictionary<string, string> listed, IEnumerable<string> present)
    {
        foreach (var file in present.Where(f => !listed.ContainsKey(f)))
        {
            yield return $"{kind} {file} is not in the manifest";
        }

        foreach (var (file, hash) in listed)
        {
            var path = Path.Combine(folder, file);
            if (!File.Exists(path))
            {
                yield return $"{kind} {file} is missing";
            }
            else if (Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))) != hash)
            {
                yield return $"{kind} {file} is not what the manifest says: it changed after the build";
            }
        }
    }
}
