using NvStream.Storage;
using NvStream.Streaming;

namespace NvStream.Tests.Inference;

/// <summary>The demo model on the CPU: the same greedy answers wherever its weights lie and whoever proposes tokens.</summary>
[Collection(SerialCollection.Name)]
public sealed class GreedyIdentityTests
{
    const string Device = "Cpu";

    static readonly Lazy<Task<(string Text, IReadOnlyList<int> Ids)[]>> s_reference = new(() => IdentityMatrix.Reference(Device));

    [Fact]
    public async Task Resident_the_answers_do_not_depend_on_company_or_proposals() =>
        await IdentityMatrix.Check(new(Device, null, 0, RouteKind.Auto, Tier.Device), await s_reference.Value);

    [Theory]
    [InlineData(RouteKind.HostDirect)]
    [InlineData(RouteKind.Mapped)]
    public async Task Streamed_the_answers_are_those_of_a_resident_model(RouteKind route) =>
        await IdentityMatrix.Check(new(Device, IdentityMatrix.LeastBudget(Device), 0, route, Tier.Storage), await s_reference.Value);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task With_a_draft_model_the_answers_are_those_of_the_model_alone(bool isStreamed)
    {
        Assert.SkipUnless(IdentityMatrix.DraftModel is not null, "the shared fixtures, which have the draft model, are not present");
        long? budget = isStreamed ? IdentityMatrix.LeastBudget(Device, IdentityMatrix.DraftModel) : null;
        await IdentityMatrix.Check(
            new(Device, budget, 0, RouteKind.HostDirect, isStreamed ? Tier.Storage : Tier.Device), await s_reference.Value, isDrafted: true);
    }
}
