using System.Globalization;
using System.Text.Json;

namespace NvStream.Benchmarks;

/// <summary>
/// What the disk gives to fio: direct sequential reads of a file, so many blocks in flight. Where the buffers lie
/// matters as much as the engine: a block in 4 KiB pages is a request of hundreds of segments, in huge pages, where
/// the engine's slots lie, of one or two, and virtual disks can be three times as fast with these.
/// </summary>
sealed record Fio(string Engine, bool UsesHugePages)
{
    const int HugePage = 2 << 20;

    /// <summary>psync blocks, so it needs a thread for each read in flight: only where nothing better works.</summary>
    const string Blocking = "psync";

    public string Name => $"fio, {Engine}, {(UsesHugePages ? "huge pages" : "4 KiB pages")}";

    /// <summary>Every way to read that works here on this file; empty, with the reason, where there is none.</summary>
    public static IReadOnlyList<Fio> Find(string file, out string reason)
    {
        if (!Tool.Exists("fio"))
        {
            reason = "fio is not on PATH (apt-get install fio)";
            return [];
        }

        var errors = new List<string>();
        Fio[] asynchronous = [new("libaio", true), new("io_uring", true), new("libaio", false)];
        Fio[] working = [.. asynchronous.Where(Works)];
        if (working.Length == 0)
        {
            working = [.. new Fio[] { new(Blocking, false) }.Where(Works)];
        }

        reason = string.Join("; ", errors);
        return working;

        bool Works(Fio fio)
        {
            try
            {
                fio.Read(file, 1 << 20, 2, 16 << 20);
                return true;
            }
            catch (BenchmarkException e)
            {
                errors.Add($"{fio.Name}: {e.Message}");
                return false;
            }
        }
    }

    /// <summary>Bytes per second.</summary>
    /// <param name="depth">Reads in flight.</param>
    /// <param name="bytes">To be read in all; the file is begun again at its end.</param>
    public double Read(string file, int blockSize, int depth, long bytes) => Measure(file, blockSize, depth, bytes).Rate;

    /// <summary>The same, and the processor time of fio's threads in percent of one core.</summary>
    public (double Rate, double Processor) Measure(string file, int blockSize, int depth, long bytes)
    {
        var size = new FileInfo(file).Length / blockSize * blockSize;

        // Threads that block share the file: each reads its own stretch of it, so that no block is read twice.
        var stretch = size / depth / blockSize * blockSize;
        string[] layout = Engine == Blocking
            ? [$"--numjobs={depth}", $"--size={stretch}", $"--offset_increment={stretch}", $"--io_size={bytes / depth}"]
            : [$"--iodepth={depth}", $"--size={size}", $"--io_size={bytes}"];

        // glibc asks for huge pages for fio's buffers; fio itself can only take them from a reserve that root must make.
        var output = Tool.Run(
            "fio",
            [
                "--name=read", $"--filename={file}", "--readonly", "--rw=read", "--direct=1", $"--ioengine={Engine}", "--thread",
                $"--bs={blockSize.ToString(CultureInfo.InvariantCulture)}", $"--iomem_align={HugePage}",
                "--group_reporting", "--output-format=json", .. layout,
            ],
            [("GLIBC_TUNABLES", UsesHugePages ? "glibc.malloc.hugetlb=1" : "")]);
        var job = JsonSerializer.Deserialize<JsonElement>(output[output.IndexOf('{')..]).GetProperty("jobs")[0];
        if (job.GetProperty("error").GetInt32() is not 0 and var error)
        {
            throw new BenchmarkException($"fio reports error {error}");
        }

        return (
            job.GetProperty("read").GetProperty("bw_bytes").GetDouble(),
            job.GetProperty("usr_cpu").GetDouble() + job.GetProperty("sys_cpu").GetDouble());
    }
}
