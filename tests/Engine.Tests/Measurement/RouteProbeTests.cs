using NvStream.Compute.Cpu;
using NvStream.Gguf;
using NvStream.Measurement;
using NvStream.Storage;
using NvStream.Tests.Async;
using NvStream.Tests.Gguf;

namespace NvStream.Tests.Measurement;

[Collection(SerialCollection.Name)]
public sealed class RouteProbeTests : IDisposable
{
    const long Plenty = 1L << 30;

    static readonly RouteOptions s_options = new(256 << 10, 4);

    readonly TemporaryFolder _folder = new();
    readonly CpuDevice _device = new(1);
    readonly GgufFile _file = GgufFile.Open(Fixtures.DemoModel);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    string CacheFile => Path.Combine(_folder.FullName, "cache", "routes.json");

    public void Dispose()
    {
        _file.Dispose();
        _device.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_fastest_route_is_found_by_reading_and_remembered_with_its_day()
    {
        var before = CpuMemory.LiveBytes;
        var first = Choose();
        Assert.True(first.Kind is RouteKind.HostDirect or RouteKind.Mapped, first.Why);
        Assert.Contains("probed: ", first.Why, StringComparison.Ordinal);
        Assert.Contains("GB/s now", first.Why, StringComparison.Ordinal);
        Assert.Equal(before, CpuMemory.LiveBytes);

        var second = Choose();
        Assert.DoesNotContain("GB/s now", second.Why, StringComparison.Ordinal);
        Assert.Contains($"GB/s on {DateTime.UtcNow:yyyy-MM-dd}", second.Why, StringComparison.Ordinal);
        Assert.Equal(first.Kind, second.Kind);
    }

    [Theory]
    [InlineData(2.0, 1.0, RouteKind.HostDirect)]
    [InlineData(2.0, 2.1, RouteKind.HostDirect)]
    [InlineData(1.0, 2.0, RouteKind.Mapped)]
    public void What_is_clearly_faster_is_taken_and_else_what_comes_first(double direct, double mapped, RouteKind expected)
    {
        Assert.SkipUnless(CanReadDirectly(), "this folder has no direct reads");
        var memory = new RouteMemory(CacheFile);
        var key = RouteMemory.KeyOf(_device.Info, PathEnvironment.Of(_file.Path, _device.Info));
        memory.Remember(key, RouteKind.HostDirect, direct * 1e9);
        memory.Remember(key, RouteKind.Mapped, mapped * 1e9);
        Assert.Equal(expected, Choose().Kind);
    }

    [Fact]
    public void A_model_that_hardly_streams_is_not_probed()
    {
        var probe = new RouteProbe(new(CacheFile));
        Assert.Equal(RouteKind.Auto, probe.Choose(StoredFile.Of(_file), _device, s_options, _file.Size, Plenty, Token).Kind);
        Assert.False(File.Exists(CacheFile));
    }

    [Fact]
    public void A_budget_too_small_for_a_probe_is_not_exceeded()
    {
        Assert.Equal(RouteKind.Auto, Choose(deviceBytes: 1 << 20).Kind);
        Assert.False(File.Exists(CacheFile));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[null]")]
    [InlineData("""[{"Key":null,"Route":4,"Rate":1,"Measured":"2020-01-01T00:00:00Z"}]""")]
    [InlineData("""[{"Key":"x","Route":4,"Rate":-1,"Measured":"2020-01-01T00:00:00Z"}]""")]
    [InlineData("[1,2,3]")]
    public void A_damaged_memory_costs_a_probe_and_is_replaced(string contents)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(CacheFile)!);
        File.WriteAllText(CacheFile, contents);
        Assert.Contains("now", Choose().Why, StringComparison.Ordinal);
        Assert.DoesNotContain("now", Choose().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_memory_that_cannot_be_written_costs_a_probe_each_time()
    {
        // A file where the folder should be.
        File.WriteAllText(Path.Combine(_folder.FullName, "cache"), "");
        Assert.Contains("now", Choose().Why, StringComparison.Ordinal);
        Assert.Contains("now", Choose().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_measured_long_ago_is_measured_again()
    {
        Choose();
        File.WriteAllText(CacheFile, File.ReadAllText(CacheFile).Replace(
            FormattableString.Invariant($"{DateTime.UtcNow:yyyy-MM}"), FormattableString.Invariant($"{DateTime.UtcNow.AddMonths(-3):yyyy-MM}"), StringComparison.Ordinal));
        Assert.Contains("now", Choose().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_with_memory_of_its_own_gets_what_leads_there_and_keeps_nothing()
    {
        var device = new AsyncFakeDevice();
        var choice = new RouteProbe(new(CacheFile)) { LeastBytes = 1 }.Choose(StoredFile.Of(_file), device, s_options, _file.Size, Plenty, Token);
        Assert.True(choice.Kind is RouteKind.HostStaged or RouteKind.CuFileCompat or RouteKind.GpuDirect, choice.Why);
        Assert.Contains("HostStaged ", choice.Why, StringComparison.Ordinal);
        Assert.All((string[])["GpuDirect", "CuFileCompat"], r => Assert.Contains(r, choice.Why, StringComparison.Ordinal));
        device.Dispose();
        Assert.Null(device.BrokenRule);
        Assert.Equal((0, 0), (device.Memory.LiveBytes, device.HostMemory.LiveBytes));
    }

    RouteChoice Choose(long deviceBytes = Plenty) =>
        new RouteProbe(new(CacheFile)) { LeastBytes = 1 }.Choose(StoredFile.Of(_file), _device, s_options, _file.Size, deviceBytes, Token);

    bool CanReadDirectly()
    {
        using var files = StoredFiles.TryOpenDirect(StoredFile.Of(_file), out _);
        return files is not null;
    }
}
