using NvStream.Gguf;

namespace NvStream.Compute;

/// <summary>
/// The operations of a decoder layer over one device's memory. Calls are issued in order by one thread at a time and
/// may return before the work is done; <see cref="RecordFence"/> marks a point in that order, and only
/// <see cref="Read"/> and a fence's Wait block. Every output row depends on its own input row (and its
/// own sequence's KV cells) alone, with the same order of additions whatever else the pass carries: a sequence's text
/// does not depend on who shares its pass.
/// </summary>
public interface IComputeDevice : IDisposable
{
    DeviceInfo Info { get; }

    /// <summary>Whether <see cref="MatMul"/> and <see cref="Embed"/> take weights of this type.</summary>
    bool Supports(TensorType type);

    /// <summary>Bytes of scratch that passes of up to this many rows and columns need; part of the budget.</summary>
    /// <param name="maxRows">Rows of the largest pass.</param>
    /// <param name="maxColumns">Columns of the widest <see cref="MatMul"/> input.</param>
    /// <param name="headDim">Elements of an attention head.</param>
    long ScratchBytes(int maxRows, int maxColumns, int headDim);

    /// <summary>Allocates the scratch once, before the first pass.</summary>
    void ReserveScratch(int maxRows, int maxColumns, int headDim);

    /// <summary>Device memory, 4 KiB aligned, zeroed. Throws <see cref="DeviceException"/> when there is not enough.</summary>
    /// <param name="purpose">For error messages: "KV cache", "slot 0".</param>
    DeviceMemory Allocate(long bytes, string purpose);

    /// <summary>Copies host bytes to device memory.</summary>
    void Write(ReadOnlySpan<byte> source, nint destination);

    /// <summary>Waits for all work and copies device memory to the host.</summary>
    void Read(nint source, Span<byte> destination);

    /// <summary>A fence that completes when everything issued so far has been done. Reused: allocates nothing.</summary>
    IDeviceFence RecordFence(int slot);

    /// <summary>Dequantizes embedding rows, gathered by the host, into X. <paramref name="rows"/> holds X.Rows encoded rows back to back.</summary>
    void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x);

    /// <summary>y = x / sqrt(mean(x^2) + epsilon) * gain, row by row; x and y may be the same.</summary>
    void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y);

    /// <summary>Y = X * W^T for each projection; X is encoded for the product once and shared by all.</summary>
    void MatMul(Matrix x, ReadOnlySpan<Projection> projections);

    /// <summary>y[r] += bias, every row.</summary>
    void AddBias(Matrix y, Weight bias);

    /// <summary>Rotates each head of X (rows of heads * headDim) by its row's position.</summary>
    void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences);

    /// <summary>Rounds K and V (rows of Heads * HeadDim) to float16 into the sequences' cells.</summary>
    void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences);

    /// <summary>
    /// Causal attention with grouped queries: Y[r, h] = softmax(scale * Q[r, h] . K[0..p]) V[0..p], p the row's position,
    /// query head h reading KV head h / (queryHeads / cache.Heads).
    /// </summary>
    void Attention(Matrix q, KvLayer cache, float scale, ReadOnlySpan<SequenceSpan> sequences, Matrix y);

    /// <summary>y = silu(gate) * up; y may be gate.</summary>
    void SwiGlu(Matrix gate, Matrix up, Matrix y);

    /// <summary>x += delta.</summary>
    void Add(Matrix x, Matrix delta);

    /// <summary>y[i] = x[rows[i]].</summary>
    void GatherRows(Matrix x, ReadOnlySpan<int> rows, Matrix y);
}

/// <summary>A point in a device's order of work.</summary>
public interface IDeviceFence
{
    bool IsComplete { get; }

    void Wait();
}

/// <summary>A block of device memory, 4 KiB aligned; freed on disposal.</summary>
public abstract class DeviceMemory(nint address, long length) : IDisposable
{
    public nint Address { get; protected set; } = address;

    /// <summary>Bytes.</summary>
    public long Length { get; } = length;

    public void Dispose()
    {
        if (Address == 0)
        {
            return;
        }

        Free();
        Address = 0;
        GC.SuppressFinalize(this);
    }

    protected abstract void Free();

    ~DeviceMemory()
    {
        if (Address != 0)
        {
            Free();
        }
    }
}
