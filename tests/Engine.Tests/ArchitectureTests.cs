using System.Text.RegularExpressions;

namespace NvStream.Tests;

/// <summary>The house keeps its floor plan: arrows between rooms point downward only.</summary>
public sealed partial class ArchitectureTests
{
    static readonly Dictionary<string, string[]> Below = new()
    {
        ["Gguf"] = [],
        ["Tokenization"] = ["Gguf"],
        ["Compute"] = ["Gguf"],
        ["Models"] = ["Gguf", "Compute"],
        ["Storage"] = ["Gguf", "Compute"],
        ["Streaming"] = ["Gguf", "Compute", "Models", "Storage"],
        ["Measurement"] = ["Gguf", "Compute", "Models", "Storage", "Streaming"],
        ["Inference"] = ["Gguf", "Tokenization", "Compute", "Models", "Storage", "Streaming", "Measurement"],
        ["Configuration"] = ["Storage", "Streaming", "Inference"],
    };

    public static TheoryData<string> Rooms => [.. Below.Keys];

    [Theory]
    [MemberData(nameof(Rooms))]
    public void A_room_uses_only_rooms_below_it(string room)
    {
        foreach (var file in SourcesOf(room))
        {
            var used = RoomNames().Matches(File.ReadAllText(file)).Select(m => m.Groups[1].Value).Where(r => r != room);
            Assert.All(used, other => Assert.True(Below[room].Contains(other), $"{Path.GetFileName(file)} uses {other}"));
        }
    }

    [Fact]
    public void Every_room_of_the_engine_is_in_the_plan() => Assert.Equal(
        Below.Keys.Order(),
        Directory.GetDirectories(Path.Combine(Fixtures.Repository, "Engine"))
            .Select(d => Path.GetFileName(d)!).Where(d => d is not ("bin" or "obj")).Order());

    [Fact]
    public void The_engine_knows_no_shell_and_writes_to_no_console()
    {
        foreach (var file in Below.Keys.SelectMany(SourcesOf))
        {
            var text = File.ReadAllText(file);
            Assert.DoesNotContain("System.Management.Automation", text, StringComparison.Ordinal);
            Assert.DoesNotContain("Console.", text, StringComparison.Ordinal);
        }
    }

    static IEnumerable<string> SourcesOf(string room) =>
        Directory.EnumerateFiles(Path.Combine(Fixtures.Repository, "Engine", room), "*.cs", SearchOption.AllDirectories);

    [GeneratedRegex(@"\bNvStream\.(Gguf|Tokenization|Compute|Models|Storage|Streaming|Measurement|Inference|Configuration)\b")]
    private static partial Regex RoomNames();
}
