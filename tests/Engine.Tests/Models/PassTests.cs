using NvStream.Compute;
using NvStream.Models;

namespace NvStream.Tests.Models;

public sealed class PassTests
{
    [Fact]
    public void Decoding_sequences_come_first_and_are_counted()
    {
        var pass = new Pass(16, 8, 8);
        Assert.Equal(0, pass.Add([1], kvStart: 0, firstPosition: 5, logits: 1, isDecoding: true));
        Assert.Equal(1, pass.Add([2], kvStart: 100, firstPosition: 7, logits: 1, isDecoding: true));
        Assert.Equal(-1, pass.Add([3, 4, 5], kvStart: 200, firstPosition: 0, logits: 0));
        Assert.Equal(2, pass.Add([6, 7], kvStart: 300, firstPosition: 0, logits: 1));
        Assert.Equal((7, 2), (pass.Rows, pass.DecodeRows));
        Assert.Equal([0, 1, 6], pass.LogitRows.ToArray());
        Assert.Equal(
            [new SequenceSpan(0, 1, 0, 5, true), new(1, 1, 100, 7, true), new(2, 3, 200, 0), new(5, 2, 300, 0)], pass.Sequences.ToArray());
        Assert.Throws<InvalidOperationException>(() => pass.Add([8], 400, 0, logits: 1, isDecoding: true));

        pass.Clear();
        Assert.Equal((0, 0), (pass.Rows, pass.DecodeRows));
        pass.Add([8], kvStart: 0, firstPosition: 0, logits: 1, isDecoding: true);
        Assert.Equal(1, pass.DecodeRows);
    }
}
