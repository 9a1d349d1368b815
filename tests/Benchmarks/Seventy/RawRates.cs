using System.Diagnostics;
using NvStream.Compute;

namespace NvStream.Benchmarks.Seventy;

/// <summary>What disk, link and device memory give by themselves, before a scenario and after it: medians over both.</summary>
sealed class RawRates(Section section, string path, string device, int repeats)
{
    /// <summary>Bytes of each value.</summary>
    const long DiskBytes = 2L << 30;
    const long CopyBytes = 256L << 20;
    const int CopyCount = 16;

    static readonly TimeSpan s_readAhead = TimeSpan.FromSeconds(1.5);

    readonly Series _between = new(section, $"{DiskReads.Description}, between runs", "GB/s");
    readonly List<double> _disk = [];
    readonly List<double> _link = [];
    readonly List<double> _memory = [];

    /// <summary>Bytes per second; 0 where it was not measured.</summary>
    public double Disk => MedianOf(_disk);

    /// <summary>Bytes per second from page-locked memory; 0 where the device's memory is host memory.</summary>
    public double Link => MedianOf(_link);

    /// <summary>Bytes per second at which the device reads its own memory.</summary>
    public double Memory => MedianOf(_memory);

    /// <summary>The disk alone, between runs of a loaded model; bytes per second.</summary>
    public async Task<double> DiskNow()
    {
        // The belt reads ahead until its slots are full; then the disk is free.
        await Task.Delay(s_readAhead);
        using var disk = new DiskReads(path);
        var rate = disk.Run(DiskBytes);
        _disk.Add(rate);
        _between.Add(rate / 1e9);
        return rate;
    }

    /// <summary>Puts into the section what <see cref="DiskNow"/> found.</summary>
    public void Close() => _between.Close();

    /// <param name="when">"before", for the report.</param>
    public async Task Measure(string when)
    {
        await section.Part($"raw rates {when}", () =>
        {
            using (var disk = new DiskReads(path))
            {
                Add(_disk, $"{DiskReads.Description}, {when}", () => disk.Run(DiskBytes));
            }

            using var opened = ComputeDevices.Open(device);
            if (opened.HostCopies is { } copies)
            {
                using var source = copies.AllocateHost(CopyBytes, "copy rate");
                using var target = opened.Allocate(CopyBytes, "copy rate");
                Add(_link, $"page-locked host memory to device, plain copies of {CopyBytes >> 20} MiB, {when}", () => Copy(copies, source, target));
            }

            var bytes = opened.HostCopies is null ? 512L << 20 : 2L << 30;
            using var read = opened.Allocate(bytes, "read rate");
            Add(_memory, $"device memory read by a checksum of {bytes >> 20} MiB, {when}", () =>
            {
                var start = Stopwatch.GetTimestamp();
                opened.Checksum(read.Address, bytes);
                return bytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
            });
            return Task.CompletedTask;
        });
    }

    void Add(List<double> values, string name, Func<double> measure)
    {
        measure();
        double[] found = [.. Enumerable.Range(0, repeats).Select(_ => measure())];
        values.AddRange(found);
        section.Add(name, "GB/s", found.Select(v => v / 1e9));
    }

    static double Copy(IHostCopies copies, DeviceMemory source, DeviceMemory target)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < CopyCount; i++)
        {
            copies.Copy(source.Address, target.Address, CopyBytes, null);
        }

        copies.RecordCopyFence(0).Wait();
        return CopyCount * CopyBytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    static double MedianOf(List<double> values) => values.Count == 0 ? 0 : new Sample("", "", [.. values]).Median;
}
