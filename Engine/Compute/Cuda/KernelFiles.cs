using System.Globalization;

namespace NvStream.Compute.Cuda;

/// <summary>
/// Which of the built kernels a card runs. A CUBIN runs on its own compute capability and on later ones of the same
/// major number; PTX is compiled by the driver for any card from the capability it was written for.
/// </summary>
/// <param name="folder">Holds a folder a target: sm_80 and the like with NAME.cubin.gz, ptx with NAME.ptx.gz.</param>
internal sealed class KernelFiles(string folder)
{
    public const string Ptx = "ptx";

    public const string CubinExtension = ".cubin.gz";

    public const string PtxExtension = ".ptx.gz";

    /// <summary>Compute capability that the PTX is written for, as in compute_80: the least that any kernel runs on.</summary>
    public const int LeastArchitecture = 80;

    public string Folder => folder;

    /// <summary>The folder that the engine's build puts beside its assembly.</summary>
    public static KernelFiles BesideEngine()
    {
        // An assembly inside a bundle has no place of its own: its files lie with the program.
        var place = Path.GetDirectoryName(typeof(KernelFiles).Assembly.Location);
        return new(Path.Combine(string.IsNullOrEmpty(place) ? AppContext.BaseDirectory : place, "kernels"));
    }

    /// <summary>Targets that the card can run, best first; empty where there is none.</summary>
    /// <param name="architecture">Compute capability as in sm_90: 90.</param>
    public IReadOnlyList<string> TargetsFor(int architecture)
    {
        if (architecture < LeastArchitecture || !Directory.Exists(folder))
        {
            return [];
        }

        var targets = Directory.EnumerateDirectories(folder)
            .Select(path => (Path: path, Target: ArchitectureOf(Path.GetFileName(path))))
            .Where(d => d.Target is { } target && target <= architecture && target / 10 == architecture / 10)
            .Where(d => Directory.EnumerateFiles(d.Path, "*" + CubinExtension).Any())
            .OrderByDescending(d => d.Target)
            .Select(d => Path.GetFileName(d.Path))
            .ToList();
        var ptx = Path.Combine(folder, Ptx);
        if (Directory.Exists(ptx) && Directory.EnumerateFiles(ptx, "*" + PtxExtension).Any())
        {
            targets.Add(Ptx);
        }

        return targets;
    }

    /// <summary>The files of a module ("Attention") that the card can run, best first.</summary>
    public IReadOnlyList<string> FilesFor(string module, int architecture) =>
    [
        .. TargetsFor(architecture)
            .Select(target => Path.Combine(folder, target, module + (target == Ptx ? PtxExtension : CubinExtension)))
            .Where(File.Exists),
    ];

    static int? ArchitectureOf(string name) =>
        name.StartsWith("sm_", StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
