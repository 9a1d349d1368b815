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

    /// <summary>Bytes in which the device hands out memory, a power of two: a budget is rounded down to it.</summary>
    long AllocationGranularity { get; }

    /// <summary>How host bytes reach this device beside its own work; null where its memory is host memory.</summary>
    IHostCopies? HostCopies { get; }

    /// <summary>
    /// Takes device memory for a whole plan at once; every later <see cref="Allocate"/> is cut from it, so that what was
    /// counted is what is used. Without it, each allocation stands alone.
    /// </summary>
    /// <exception cref="DeviceException">DeviceBudgetTooSmall: the device has not that much free.</exception>
    void Reserve(long bytes);

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

    /// <summary>
    /// Waits for all work and returns <see cref="MemoryChecksum"/> of device memory, computed by the device: what arrived,
    /// seen from where it is used. Reads the memory at the device's full rate.
    /// </summary>
    /// <param name="address">A multiple of 16.</param>
    /// <param name="bytes">A multiple of 16.</param>
    ulong Checksum(nint address, long bytes);

    /// <summary>A fence that completes when everything issued so far has been done. Reused: allocates nothing.</summary>
    IDeviceFence RecordFence(int slot);

    /// <summary>
    /// Announces a pass: <see cref="Rope"/>, <see cref="StoreKv"/> and <see cref="Attention"/> will be called with these
    /// sequences and <see cref="GatherRows"/> with these rows, so that a device can send them over once.
    /// </summary>
    void BeginPass(ReadOnlySpan<SequenceSpan> sequences, ReadOnlySpan<int> logitRows);

    /// <summary>
    /// Issues a stretch of a pass: <paramref name="issue"/> calls this device's operations. Where
    /// <see cref="Stretch.IsResident"/> and the pass only decodes, a device may record the calls and replay them for an
    /// equal stretch of a later pass instead of calling <paramref name="issue"/>.
    /// </summary>
    void Issue(in Stretch stretch, Action issue);

    /// <summary>Names the layer that the next operations belong to, for error messages.</summary>
    void EnterLayer(string name);

    /// <summary>Dequantizes embedding rows, gathered by the host, into X. <paramref name="rows"/> holds X.Rows encoded rows back to back.</summary>
    void Embed(ReadOnlySpan<byte> rows, TensorType type, Matrix x);

    /// <summary>y = x / sqrt(mean(x^2) + epsilon) * gain, row by row; x and y may be the same.</summary>
    void RmsNorm(Matrix x, Weight gain, float epsilon, Matrix y);

    /// <summary>x += delta; y = x / sqrt(mean(x^2) + epsilon) * gain, row by row; y may be delta.</summary>
    void AddRmsNorm(Matrix x, Matrix delta, Weight gain, float epsilon, Matrix y);

    /// <summary>Y = X * W^T for each projection; X is encoded for the product once and shared by all.</summary>
    /// <param name="decodeRows">
    /// Rows before this one are tokens being decoded: few, and fastest where weights are read once at full speed. The
    /// rest are prompts': many, and fastest where arithmetic is. A device may round the two kinds differently, but a row
    /// of a kind always alike.
    /// </param>
    void MatMul(Matrix x, ReadOnlySpan<Projection> projections, int decodeRows = 0);

    /// <summary>y[r] += bias, every row.</summary>
    void AddBias(Matrix y, Weight bias);

    /// <summary>Rotates each head of X (rows of heads * headDim) by its row's position.</summary>
    void Rope(Matrix x, int headDim, RopeTable rope, ReadOnlySpan<SequenceSpan> sequences);

    /// <summary>Rounds K and V (rows of Heads * HeadDim) to float16 into the sequences' cells.</summary>
    void StoreKv(Matrix k, Matrix v, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences);

    /// <summary><see cref="Rope"/> over Q and K, then <see cref="StoreKv"/>: what every layer does between its products and its attention.</summary>
    void RopeAndStoreKv(Matrix q, Matrix k, Matrix v, RopeTable rope, KvLayer cache, ReadOnlySpan<SequenceSpan> sequences);

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

    /// <summary>
    /// Waits for all work and returns each row's <paramref name="k"/> largest values, largest first, ties to the smaller
    /// column; NaN counts as the smallest. What crosses to the host is only this.
    /// </summary>
    /// <param name="columns">Leading columns that are looked at.</param>
    /// <param name="k">1 to <see cref="MaxTopK"/>, at most <paramref name="columns"/>.</param>
    /// <param name="ids">Columns: x.Rows * k.</param>
    /// <param name="values">Values: x.Rows * k.</param>
    void TopK(Matrix x, int columns, int k, Span<int> ids, Span<float> values);

    /// <summary>Largest k of <see cref="TopK"/>.</summary>
    public const int MaxTopK = 512;
}

/// <summary>
/// The way from host memory to a device's own memory, beside its compute: calls return when a copy is queued, copies run
/// in the order they were queued, and fences tie the two orders together. Safe to call from any thread.
/// </summary>
public interface IHostCopies
{
    /// <summary>Page-locked host memory, 4 KiB aligned, that copies run from at full rate.</summary>
    /// <exception cref="DeviceException">HostMemoryTooSmall.</exception>
    DeviceMemory AllocateHost(long bytes, string purpose);

    /// <summary>Makes the device the calling thread's, for libraries that write to its memory by themselves.</summary>
    void Bind();

    /// <summary>Queues a copy; the source must stay as it is until a fence recorded after it has completed.</summary>
    /// <param name="after">Device work that still uses the destination: the copy waits for it, the caller does not.</param>
    void Copy(nint host, nint device, long bytes, IDeviceFence? after);

    /// <summary>A fence that completes when every copy queued so far is done. Reused per slot: allocates nothing.</summary>
    IDeviceFence RecordCopyFence(int slot);

    /// <summary>Device work issued from now on waits for the fence; the caller does not. Called by the device's own thread.</summary>
    void AwaitOnDevice(IDeviceFence fence);

    /// <summary>Time that device work has spent waiting in <see cref="AwaitOnDevice"/>, up to the last <see cref="IComputeDevice.Read"/> or TopK.</summary>
    TimeSpan DeviceStall { get; }
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

    /// <summary>Gives the block up for good: something that nobody can stop may still write to it. Better lost than another's.</summary>
    public void Abandon() => Address = 0;

    protected abstract void Free();

    ~DeviceMemory()
    {
        if (Address != 0)
        {
            Free();
        }
    }
}
