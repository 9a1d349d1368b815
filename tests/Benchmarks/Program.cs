using NvStream;
using NvStream.Benchmarks;

const int Missed = 1;
const int Misused = 2;

if (args is [MemoryChild, .. var childArguments])
{
    await Memory.Decode(childArguments);
    return 0;
}

if (args is ["--help"])
{
    Console.WriteLine(Options.Usage);
    return 0;
}

if (Options.Parse(args, out var problem) is not { } options)
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(Options.Usage);
    return Misused;
}

var command = "dotnet run -c Release --project tests/Benchmarks -- " + string.Join(' ', args);
var machine = Machine.Read(Bench.Repository, Bench.Models);
var report = new Report(Console.Out);
report.Head(machine, command);
foreach (var measurement in options.Measurements)
{
    try
    {
        report.Add(await measurement.Measure(options.Bench));
    }
    catch (Exception e) when (e is BenchmarkException or NvStreamException or IOException)
    {
        var failed = new Section(measurement.Name, "could not be measured");
        failed.Skipped.Add(e is NvStreamException n ? $"{n.Message} {n.Remedy}" : e.Message);
        report.Add(failed);
    }
    catch (Exception e)
    {
        // A fault of one measurement must not cost what the others find.
        var failed = new Section(measurement.Name, "went wrong");
        failed.Fail(e.ToString());
        report.Add(failed);
    }
}

if (options.JsonPath is { } path)
{
    report.Save(path, machine, command);
}

return report.IsEveryCheckMet ? 0 : Missed;

partial class Program
{
    /// <summary>The first argument of the process whose memory is measured.</summary>
    internal const string MemoryChild = "memory-child";
}
