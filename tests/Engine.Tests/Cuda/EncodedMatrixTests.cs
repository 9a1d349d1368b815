using NvStream.Compute;
using NvStream.Compute.Cuda;

namespace NvStream.Tests.Cuda;

public sealed class EncodedMatrixTests
{
    const long Address = 1 << 20;

    static readonly Matrix X = new((nint)Address, 8, 64);

    [Theory]
    [InlineData(8, 0, true)]
    [InlineData(3, 0, false)]
    [InlineData(8, 3, false)]
    public void Quants_serve_as_many_decoding_rows_as_their_order_was_made_for(int decodeRows, int halves, bool isCovered)
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 0, 0, 8));
        Assert.Equal(isCovered, encoded.Covers(X.Top(decodeRows), new(1, 2, halves, halves, decodeRows)));
    }

    [Fact]
    public void A_mixed_pass_needs_both_encodings()
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, Both(2));
        Assert.True(encoded.Covers(X, Both(2)));
        Assert.True(encoded.Covers(X, new(0, 0, 3, 4, 0)));
        Assert.False(encoded.Covers(X, Both(3)));
        encoded.Remember(X, new(0, 0, 3, 4, 0));
        Assert.True(encoded.Covers(X, new(0, 0, 3, 4, 0)));
        Assert.False(encoded.Covers(X, Both(2)));
    }

    [Fact]
    public void What_products_asked_of_a_matrix_adds_up_and_of_others_nothing_is_known()
    {
        var demand = new EncodingDemand();
        Assert.Null(demand.Of(X));
        demand.Learn(X, new(Quants: true, Halves: false));
        Assert.Equal(new DecodeEncodings(true, false), demand.Of(X.Top(1)));
        demand.Learn(X, new(Quants: false, Halves: true));
        Assert.Equal(new DecodeEncodings(true, true), demand.Of(X));
        Assert.Null(demand.Of(X.Reshape(16, 32)));
        Assert.Null(demand.Of(X with { Address = (nint)Address + 64 }));
    }

    static Encoded Both(int decodeRows) => new(1, 2, 3, 4, decodeRows);

    [Fact]
    public void Another_matrix_or_shape_is_not_covered()
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 3, 4, 8));
        Assert.False(encoded.Covers(X with { Address = (nint)Address + 64 }, Both(8)));
        Assert.False(encoded.Covers(X.Reshape(16, 32), Both(8)));
        Assert.False(encoded.Covers(X with { Rows = 9 }, Both(8)));
        Assert.False(new EncodedMatrix().Covers(default, default));
    }

    [Theory]
    [InlineData(Address - 4, 4, true)]
    [InlineData(Address - 4, 5, false)]
    [InlineData(Address + (8 * 64 * 4) - 1, 100, false)]
    [InlineData(Address + (8 * 64 * 4), 100, true)]
    [InlineData(0, 1 << 24, false)]
    public void What_is_written_over_is_forgotten_and_nothing_else(long start, long bytes, bool isKept)
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 3, 4, 8));
        encoded.Wrote((nint)start, bytes);
        Assert.Equal(isKept, encoded.Covers(X, Both(8)));
    }

    [Fact]
    public void Where_nothing_was_encoded_nothing_is_remembered()
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 3, 4, 8));
        encoded.Remember(X, default);
        Assert.False(encoded.Covers(X, default));
    }
}
