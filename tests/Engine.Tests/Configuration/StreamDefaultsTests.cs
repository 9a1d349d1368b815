using NvStream.Configuration;
using NvStream.Inference;
using NvStream.Storage;

namespace NvStream.Tests.Configuration;

/// <summary>Sets environment variables of the process, so nothing else runs meanwhile.</summary>
[Collection(SerialCollection.Name)]
public sealed class StreamDefaultsTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("nvstream-defaults-").FullName;
    readonly List<string> _variables = [];

    public void Dispose()
    {
        _variables.ForEach(v => Environment.SetEnvironmentVariable(v, null));
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Nothing_set_changes_nothing()
    {
        var options = new ModelOptions { SlotCount = 3 };
        Assert.Equal(options, StreamDefaults.Load(StreamDefaults.FileIn(_folder)).Apply(options, _ => false));
    }

    [Fact]
    public void The_later_file_wins_over_the_earlier_and_the_environment_over_both()
    {
        var weak = Write("weak", """{ "Import": { "SlotCount": 3, "Route": "Mapped", "DeviceBudget": "6MB" } }""");
        var strong = Write("strong", """{ "Import": { "SlotCount": 4, "Route": "hostdirect" } }""");
        Set("NVSTREAM__Import__SlotCount", "5");

        var options = StreamDefaults.Load(weak, strong).Apply(new ModelOptions(), _ => false);

        Assert.Equal(5, options.SlotCount);
        Assert.Equal(RouteKind.HostDirect, options.Route);
        Assert.Equal(6 << 20, options.DeviceBudget.Bytes);
    }

    [Fact]
    public void What_the_caller_gives_is_not_even_looked_at()
    {
        var file = Write("given", """{ "Import": { "SlotCount": "nonsense" } }""");
        var options = StreamDefaults.Load(file).Apply(new ModelOptions { SlotCount = 7 }, name => name == "SlotCount");
        Assert.Equal(7, options.SlotCount);
    }

    [Fact]
    public void Every_setting_of_a_request_is_read()
    {
        var file = Write("request", """
            { "Inference": { "System": "Be brief.", "MaxTokens": 9, "Temperature": 0.5, "TopK": 0, "TopP": 0.5, "MinP": 0.25,
                             "RepeatPenalty": 1.25, "Speculate": "lookup", "Seed": 18446744073709551615, "BatchSize": "Auto" } }
            """);
        var batchSize = 8;
        var request = StreamDefaults.Load(file).Apply(new GenerationRequest { Prompt = "" }, ref batchSize, _ => false);

        Assert.Equal("Be brief.", request.System);
        Assert.Equal(9, request.MaxTokens);
        Assert.Equal(
            new SamplingOptions { Temperature = 0.5f, TopK = 0, TopP = 0.5f, MinP = 0.25f, RepeatPenalty = 1.25f, Seed = ulong.MaxValue },
            request.Sampling);
        Assert.Equal(SpeculationMode.Lookup, request.Speculate);
        Assert.Equal(0, batchSize);
    }

    [Fact]
    public void A_draft_model_is_a_default_of_imports_as_it_was_written()
    {
        var file = Write("draft", """{ "Import": { "DraftModel": "./small.gguf" } }""");
        Assert.Equal("./small.gguf", StreamDefaults.Load(file).Apply(new ModelOptions(), _ => false).DraftModel);
        var options = new ModelOptions { DraftModel = "other.gguf" };
        Assert.Equal(options, StreamDefaults.Load(file).Apply(options, name => name == "DraftModel"));
    }

    [Fact]
    public void A_way_to_speculate_that_is_none_names_those_that_are()
    {
        var file = Write("speculate", """{ "Inference": { "Speculate": "Guess" } }""");
        var batchSize = 0;
        var error = Assert.Throws<ConfigurationException>(
            () => StreamDefaults.Load(file).Apply(new GenerationRequest { Prompt = "" }, ref batchSize, _ => false));
        Assert.Contains("Auto, None, Lookup, Draft", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SlotCount", "1")]
    [InlineData("SlotCount", "3.5")]
    [InlineData("DeviceBudget", "plenty")]
    [InlineData("Route", "Bicycle")]
    [InlineData("Route", "4")]
    [InlineData("ContextLength", "0")]
    [InlineData("BlockSize", "5000")]
    [InlineData("BlockSize", "50%")]
    [InlineData("QueueDepth", "-1")]
    public void A_bad_value_names_the_file_and_the_key(string setting, string value)
    {
        var file = Write("bad", $$"""{ "Import": { "{{setting}}": "{{value}}" } }""");
        var error = Assert.Throws<ConfigurationException>(() => StreamDefaults.Load(file).Apply(new ModelOptions(), _ => false));
        Assert.Equal("ConfigurationInvalid", error.ErrorId);
        Assert.Contains($"Import:{setting}", error.Message, StringComparison.Ordinal);
        Assert.Contains($"'{value}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_value_of_the_environment_names_the_variable()
    {
        Set("NVSTREAM__Inference__TopP", "2");
        var batchSize = 0;
        var error = Assert.Throws<ConfigurationException>(
            () => StreamDefaults.Load().Apply(new GenerationRequest { Prompt = "" }, ref batchSize, _ => false));
        Assert.Contains("NVSTREAM__Inference__TopP", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_json_is_named()
    {
        var file = Write("broken", "{ \"Import\": ");
        var error = Assert.Throws<ConfigurationException>(() => StreamDefaults.Load(file));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Used_defaults_and_misspelt_keys_are_told()
    {
        var file = Write("told", """{ "Import": { "SlotCount": 3, "SlotsCount": 4 } }""");
        List<string> log = [], warnings = [];
        StreamDefaults.Load(file).Apply(new ModelOptions(), _ => false, log.Add, warnings.Add);
        Assert.Contains("SlotCount is '3'", Assert.Single(log), StringComparison.Ordinal);
        Assert.Contains(file, log[0], StringComparison.Ordinal);
        Assert.Contains("'Import:SlotsCount' is no setting", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Contains(file, warnings[0], StringComparison.Ordinal);
    }

    string Write(string name, string json)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        File.WriteAllText(StreamDefaults.FileIn(folder), json);
        return StreamDefaults.FileIn(folder);
    }

    void Set(string variable, string value)
    {
        _variables.Add(variable);
        Environment.SetEnvironmentVariable(variable, value);
    }
}
