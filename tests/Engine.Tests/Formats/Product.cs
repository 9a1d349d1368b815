using NvStream.Compute.Cpu.Formats;

namespace NvStream.Tests.Formats;

/// <summary>A product's operands in arrays: weight rows, encoded activation rows, and their shapes.</summary>
sealed unsafe class Product
{
    readonly byte[] activations;

    public Product(WeightFormat format, byte[] weights, int columns, float[] x)
    {
        Format = format;
        Weights = weights;
        Columns = columns;
        RowBytes = columns / format.BlockElements * format.BlockBytes;
        Stride = (int)Activations.RowBytes(format.Encoding, columns);
        ActivationRows = x.Length / columns;
        activations = new byte[ActivationRows * Stride];
        fixed (float* source = x)
        fixed (byte* destination = activations)
        {
            for (var a = 0; a < ActivationRows; a++)
            {
                Activations.Encode(format.Encoding, source + a * columns, columns, destination + a * Stride);
            }
        }
    }

    public WeightFormat Format { get; }

    public byte[] Weights { get; }

    public int Columns { get; }

    public int RowBytes { get; }

    public int Stride { get; }

    public int ActivationRows { get; }

    public int Rows => Weights.Length / RowBytes;

    /// <summary>Multiplies some of the rows; the result has a weight row's results beside the next's.</summary>
    public float[] Multiply(int firstRow, int rows, int firstActivation, int activationRows)
    {
        var y = new float[rows * activationRows];
        fixed (byte* w = Weights, a = activations)
        fixed (float* result = y)
        {
            Format.Multiply(
                w + firstRow * RowBytes, RowBytes, rows, Columns,
                a + firstActivation * Stride, Stride, activationRows, result, rows);
        }

        return y;
    }

    /// <summary>Multiplies all activation rows with other weights of the same columns, into a given place.</summary>
    public void MultiplyInto(byte[] weights, int rowBytes, int rows, float[] y, int yStride)
    {
        fixed (byte* w = weights, a = activations)
        fixed (float* result = y)
        {
            Format.Multiply(w, rowBytes, rows, Columns, a, Stride, ActivationRows, result, yStride);
        }
    }

    public float[] Multiply() => Multiply(0, Rows, 0, ActivationRows);

    public float[] MultiplyReference()
    {
        var y = new float[Rows * ActivationRows];
        fixed (byte* w = Weights, a = activations)
        fixed (float* result = y)
        {
            Format.MultiplyReference(w, RowBytes, Rows, Columns, a, Stride, ActivationRows, result, Rows);
        }

        return y;
    }

    /// <summary>What the encoded activations stand for.</summary>
    public float[] DecodedActivations()
    {
        var x = new float[ActivationRows * Columns];
        fixed (byte* a = activations)
        fixed (float* destination = x)
        {
            for (var i = 0; i < ActivationRows; i++)
            {
                Activations.Decode(Format.Encoding, a + i * Stride, Columns, destination + i * Columns);
            }
        }

        return x;
    }
}
