using System.Runtime.InteropServices;
using NvStream.Compute;
using NvStream.Compute.Cpu;
using NvStream.Compute.Cuda;

namespace NvStream.Tests.Cuda;

/// <summary>The pass as kernels see it, in host memory that plays the device's.</summary>
public sealed unsafe class PassStateTests : IDisposable
{
    const int MaxRows = 32;

    readonly CudaScratch scratch;
    readonly PassState pass;
    int uploads;
    bool isRecording;

    public PassStateTests()
    {
        var layout = new ScratchLayout(MaxRows, 64, 1024, 8);
        scratch = new(CpuMemory.Allocate(layout.Bytes, "CPU", "test"), layout);
        pass = new(scratch, Upload, () => isRecording);
    }

    public void Dispose() => scratch.Dispose();

    [Fact]
    public void A_mixed_pass_is_sent_once_and_found_again()
    {
        SequenceSpan[] sequences = [new(0, 1, 100, 7, true), new(1, 2, 200, 3, true), new(3, 4, 300, 0)];
        pass.Announce(sequences, [0, 2, 6]);
        Assert.Equal(1, uploads);
        Assert.Equal(
            [new(7, 100), new(3, 200), new(4, 200), new(0, 300), new(1, 300), new(2, 300), new(3, 300)],
            Device<RowState>(pass.StatesFrom(0), 7));
        Assert.Equal([0, 2, 6], Device<int>(scratch.LogitRows, 3));
        Assert.Equal((7, 3, 3, false), (pass.Rows, pass.DecodeRows, pass.LogitRowCount, pass.IsDecoding));
        Assert.Equal([new RowRun(0, 7)], pass.Runs.ToArray());
        Assert.Equal([new RowRun(0, 3)], pass.DecodingRuns.ToArray());

        pass.Use(sequences);
        Assert.Equal(scratch.LogitRows, pass.LogitRows([0, 2, 6]));
        Assert.Equal(1, uploads);
    }

    [Fact]
    public void A_pass_whose_rows_are_all_decoding_says_so()
    {
        pass.Announce([new(0, 1, 0, 5, true), new(1, 1, 10, 9, true)], [0, 1]);
        Assert.True(pass.IsDecoding);
        pass.Announce([], []);
        Assert.False(pass.IsDecoding);
    }

    [Fact]
    public void Prompts_are_cut_into_tiles_of_one_sequence_sent_once()
    {
        pass.Announce([new(0, 1, 50, 9, true), new(1, 5, 100, 2), new(6, 3, 200, 0)], []);
        uploads = 0;
        var (address, count) = pass.Tiles(2);
        Assert.Equal((scratch.Tiles, 5), (address, count));
        Assert.Equal(
            [new(1, 2, 100, 2), new(3, 2, 100, 4), new(5, 1, 100, 6), new(6, 2, 200, 0), new(8, 1, 200, 2)],
            Device<PrefillTile>(address, count));
        pass.Tiles(2);
        Assert.Equal(1, uploads);
        Assert.Equal(2, pass.Tiles(16).Count);
        Assert.Equal(2, uploads);
    }

    [Fact]
    public void Rows_of_no_sequence_interrupt_the_runs()
    {
        pass.Announce([new(6, 2, 0, 0), new(1, 2, 8, 4, true), new(3, 1, 30, 0)], []);
        Assert.Equal([new RowRun(1, 3), new RowRun(6, 2)], pass.Runs.ToArray());
        Assert.Equal([new RowRun(1, 2)], pass.DecodingRuns.ToArray());
        Assert.Equal(0, pass.DecodeRows);
        Assert.Equal([new RowState(4, 8), new(5, 8), new(0, 30)], Device<RowState>(pass.StatesFrom(1), 3));
    }

    [Fact]
    public void Sequences_that_were_not_announced_are_sent_on_their_own()
    {
        pass.Announce([new(0, 1, 0, 5, true)], [0]);
        pass.Use([new(0, 2, 40, 1, true)]);
        Assert.Equal(2, uploads);
        Assert.Equal([new RowState(1, 40), new(2, 40)], Device<RowState>(pass.StatesFrom(0), 2));
        pass.LogitRows([1]);
        Assert.Equal(3, uploads);
        Assert.Equal([1], Device<int>(scratch.LogitRows, 1));
    }

    [Fact]
    public void While_a_stretch_is_recorded_nothing_can_be_sent()
    {
        SequenceSpan[] sequences = [new(0, 1, 0, 5, true)];
        pass.Announce(sequences, [0]);
        isRecording = true;
        pass.Use(sequences);
        pass.LogitRows([0]);
        Assert.Throws<InvalidOperationException>(() => pass.Use([new(0, 1, 0, 6, true)]));
        Assert.Throws<InvalidOperationException>(() => pass.LogitRows([]));
        Assert.Throws<InvalidOperationException>(() => pass.Tiles(8));
        pass.Use(sequences);
        Assert.Equal(1, uploads);
    }

    [Fact]
    public void Passes_that_cannot_be_are_refused()
    {
        Assert.Throws<InvalidOperationException>(() => pass.Announce([new(0, MaxRows + 1, 0, 0)], []));
        Assert.Throws<InvalidOperationException>(() => pass.Announce([new(int.MaxValue, int.MaxValue, 0, 0)], []));
        Assert.Throws<ArgumentException>(() => pass.Announce([new(0, 4, 0, 0), new(3, 2, 50, 0)], []));
        Assert.Throws<ArgumentException>(() => pass.Announce([new(0, 4, -1, 0)], []));
        Assert.Throws<ArgumentOutOfRangeException>(() => pass.Announce([new(0, 4, 0, 0)], [4]));
        Assert.Throws<InvalidOperationException>(() => pass.LogitRows(new int[MaxRows + 1]));
    }

    [Fact]
    public void Announcing_the_same_shapes_again_allocates_nothing()
    {
        SequenceSpan[] sequences = [new(0, 1, 100, 7, true), new(1, 20, 200, 3)];
        int[] logits = [0, 20];
        pass.Announce(sequences, logits);
        pass.Tiles(8);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            pass.Announce(sequences, logits);
            pass.Use(sequences);
            pass.LogitRows(logits);
            pass.Tiles(8);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    static T[] Device<T>(nint address, int count)
        where T : unmanaged => new ReadOnlySpan<T>((void*)address, count).ToArray();

    void Upload(ReadOnlySpan<byte> source, nint destination)
    {
        uploads++;
        source.CopyTo(new Span<byte>((void*)destination, source.Length));
    }
}
