using System.Diagnostics;
using System.Text.Json;

namespace NvStream.Benchmarks;

/// <summary>llama.cpp, as prebuilt for Node, on the same file: a process that takes a task at a time.</summary>
sealed class Peer : IDisposable
{
    static readonly string s_scripts = Path.Combine(Bench.Project, "Peer");
    static readonly string s_packages = Path.Combine(Bench.Cache, "peer");

    readonly Process _process;
    readonly Task<string> _errors;

    /// <exception cref="BenchmarkException">The peer does not load the file.</exception>
    public Peer(string model, Bench bench)
    {
        _process = Tool.Start(
            "node", [Path.Combine(s_scripts, "peer.mjs"), model, Path.Combine(s_packages, "node_modules"), $"{bench.Threads}"], takesInput: true);
        _errors = _process.StandardError.ReadToEndAsync();
        System = Receive().GetProperty("system").GetString()!;
    }

    /// <summary>What it says of the processor.</summary>
    public string System { get; }

    /// <summary>Of all its threads, so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Why there is no peer here; null when it is installed.</summary>
    public static string? Install()
    {
        if (!Tool.Exists("node") || !Tool.Exists("npm"))
        {
            return "the peer needs node 20 or later and npm on PATH";
        }

        const string lockFile = "package-lock.json";
        var installed = Path.Combine(s_packages, lockFile);
        var wanted = Path.Combine(s_scripts, lockFile);
        if (File.Exists(installed) && File.ReadAllText(installed) == File.ReadAllText(wanted) && Directory.Exists(Path.Combine(s_packages, "node_modules")))
        {
            return null;
        }

        Directory.CreateDirectory(s_packages);
        File.Copy(Path.Combine(s_scripts, "package.json"), Path.Combine(s_packages, "package.json"), overwrite: true);
        File.Copy(wanted, installed, overwrite: true);
        try
        {
            Tool.Run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", s_packages);
            return null;
        }
        catch (BenchmarkException e)
        {
            File.Delete(installed);
            return e.Message;
        }
    }

    /// <summary>Rates in tokens per second, as <see cref="Session.Run"/> gives them.</summary>
    public (double Prefill, double Decode) Run(int prompt, int decode, int sequences = 1)
    {
        _process.StandardInput.WriteLine(JsonSerializer.Serialize(new { prompt, decode, sequences }));
        _process.StandardInput.Flush();
        var result = Receive();
        return (result.GetProperty("prefill").GetDouble(), result.GetProperty("decode").GetDouble());
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    JsonElement Receive() => _process.StandardOutput.ReadLine() is { } line
        ? JsonSerializer.Deserialize<JsonElement>(line)
        : throw new BenchmarkException($"the peer ended: {_errors.Result.Trim()}");
}
