using NvStream.Storage;
using NvStream.Streaming;
using NvStream.Tests.Inference;

namespace NvStream.Tests.Cuda;

/// <summary>The demo model on the GPU: the same greedy answers wherever its weights lie and whoever proposes tokens.</summary>
[Collection(SerialCollection.Name)]
public sealed class CudaIdentityTests
{
    const string Device = "Cuda";

    static readonly Lazy<Task<(string Text, IReadOnlyList<int> Ids)[]>> s_reference = new(() => IdentityMatrix.Reference(Device));

    [Fact]
    public async Task Resident_the_answers_do_not_depend_on_company_or_proposals()
    {
        Gpu.Require();
        await IdentityMatrix.Check(new(Device, 1L << 30, 0, RouteKind.HostStaged, Tier.Device), await s_reference.Value);
    }

    [Fact]
    public async Task From_host_memory_the_answers_are_those_of_a_resident_model()
    {
        Gpu.Require();
        await IdentityMatrix.Check(new(Device, IdentityMatrix.LeastBudget(Device), 1L << 30, RouteKind.HostStaged, Tier.Host), await s_reference.Value);
    }

    [Theory]
    [InlineData(RouteKind.HostStaged)]
    [InlineData(RouteKind.CuFileCompat)]
    public async Task Streamed_the_answers_are_those_of_a_resident_model(RouteKind route)
    {
        Gpu.Require();
        try
        {
            await IdentityMatrix.Check(new(Device, IdentityMatrix.LeastBudget(Device), 0, route, Tier.Storage), await s_reference.Value);
        }
        catch (StorageException e) when (route == RouteKind.CuFileCompat && e.ErrorId == StorageException.RouteUnavailableId)
        {
            Assert.Skip(e.Message);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task With_a_draft_model_the_answers_are_those_of_the_model_alone(bool isStreamed)
    {
        Gpu.Require();
        Assert.SkipUnless(IdentityMatrix.DraftModel is not null, "the shared fixtures, which have the draft model, are not present");
        var budget = isStreamed ? IdentityMatrix.LeastBudget(Device, IdentityMatrix.DraftModel) : 1L << 30;
        await IdentityMatrix.Check(
            new(Device, budget, 0, RouteKind.HostStaged, isStreamed ? Tier.Storage : Tier.Device), await s_reference.Value, isDrafted: true);
    }
}
