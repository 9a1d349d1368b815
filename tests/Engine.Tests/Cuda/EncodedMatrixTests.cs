using NvStream.Compute;
using NvStream.Compute.Cuda;

namespace NvStream.Tests.Cuda;

public sealed class EncodedMatrixTests
{
    const long Address = 1 << 20;

    static readonly Matrix X = new((nint)Address, 8, 64);

    [Theory]
    [InlineData(8, true)]
    [InlineData(3, true)]
    [InlineData(0, false)]
    public void Quants_serve_as_many_decoding_rows_as_were_quantized(int decodeRows, bool isCovered)
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 0, 0, 8));
        Assert.Equal(isCovered, encoded.Covers(decodeRows < 4 ? X.Top(Math.Max(1, decodeRows)) : X, decodeRows));
    }

    [Fact]
    public void A_mixed_pass_needs_both_encodings()
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 3, 4, 2));
        Assert.True(encoded.Covers(X, 2));
        Assert.True(encoded.Covers(X, 0));
        Assert.False(encoded.Covers(X, 3));
        encoded.Remember(X, new(0, 0, 3, 4, 0));
        Assert.True(encoded.Covers(X, 0));
        Assert.False(encoded.Covers(X, 2));
    }

    [Fact]
    public void Another_matrix_or_shape_is_not_covered()
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 3, 4, 8));
        Assert.False(encoded.Covers(X with { Address = (nint)Address + 64 }, 8));
        Assert.False(encoded.Covers(X.Reshape(16, 32), 8));
        Assert.False(encoded.Covers(X with { Rows = 9 }, 8));
        Assert.False(new EncodedMatrix().Covers(default, 0));
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
        Assert.Equal(isKept, encoded.Covers(X, 8));
    }

    [Fact]
    public void Where_nothing_was_encoded_nothing_is_remembered()
    {
        var encoded = new EncodedMatrix();
        encoded.Remember(X, new(1, 2, 3, 4, 8));
        encoded.Remember(X, default);
        Assert.False(encoded.Covers(X, 0));
    }
}
