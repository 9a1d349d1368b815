using NvStream.Compute.Cpu.Formats;
using NvStream.Gguf;
using Xunit;

namespace NvStream.Tests.Formats;

public class FloatPanelTests
{
    public static TheoryData<TensorType, string> FloatTypesAndPaths
    {
        get
        {
            var cases = new TheoryData<TensorType, string>();
            foreach (var type in new[] { TensorType.F32, TensorType.F16, TensorType.BF16 })
            {
                foreach (var path in new[] { "default", "portable" })
                {
                    cases.Add(type, path);
                }
            }

            return cases;
        }
    }

    /// <summary>Weight rows, columns and activation rows around the ends of panels.</summary>
    [Theory]
    [MemberData(nameof(FloatTypesAndPaths))]
    public void Products_of_panels_have_the_bits_of_single_rows(TensorType type, string path)
    {
        var format = FormatCases.Format(type, path);
        var random = new Random(21);
        int[] columnCounts = [1, 17, FloatPanel.Columns - 1, FloatPanel.Columns, FloatPanel.Columns + 16, (2 * FloatPanel.Columns) + 5];
        foreach (var columns in columnCounts)
        {
            foreach (var (rows, activationRows) in new[] { (3, 6), (8, 7), (9, 8), (13, FloatPanel.ActivationRows), (4, FloatPanel.ActivationRows + 2) })
            {
                var product = new Product(
                    format,
                    FormatCases.RandomBlocks(type, rows * columns, random),
                    columns,
                    FormatCases.RandomActivations(activationRows * columns, random));
                var together = product.Multiply();
                for (var a = 0; a < activationRows; a += 5)
                {
                    for (var r = 0; r < rows; r++)
                    {
                        Assert.Equal(
                            BitConverter.SingleToUInt32Bits(product.Multiply(r, 1, a, 1)[0]),
                            BitConverter.SingleToUInt32Bits(together[(a * rows) + r]));
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(FloatTypesAndPaths))]
    public void Products_of_panels_are_those_of_the_reference(TensorType type, string path)
    {
        var random = new Random(22);
        const int Rows = 11;
        const int ActivationRows = 20;
        var columns = FloatPanel.Columns + 100;
        var product = new Product(
            FormatCases.Format(type, path),
            FormatCases.RandomBlocks(type, Rows * columns, random),
            columns,
            FormatCases.RandomActivations(ActivationRows * columns, random));
        var expected = product.MultiplyReference();
        var seen = product.Multiply();
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.InRange(seen[i], expected[i] - (1e-5f * columns), expected[i] + (1e-5f * columns));
        }
    }
}
