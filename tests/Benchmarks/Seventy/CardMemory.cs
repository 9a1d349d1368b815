using System.Runtime.InteropServices;
using NvStream.Compute;

namespace NvStream.Benchmarks.Seventy;

/// <summary>
/// A card's memory in use, all programs' and the driver's own, as NVIDIA's management library sees it from outside any
/// CUDA context (nvml.h). Sampled by a thread of its own.
/// </summary>
sealed unsafe class CardMemory : IDisposable
{
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);

    readonly nint _device;
    readonly delegate* unmanaged<nint, MemoryInfo*, int> _query;
    readonly Thread _thread;
    readonly ManualResetEventSlim _end = new();
    long _most;

    CardMemory(nint device, delegate* unmanaged<nint, MemoryInfo*, int> query)
    {
        _device = device;
        _query = query;
        Before = Used;
        _thread = new(Sample) { IsBackground = true, Name = "card memory" };
        _thread.Start();
    }

    /// <summary>Bytes in use when this was opened.</summary>
    public long Before { get; }

    /// <summary>Bytes in use now.</summary>
    public long Used
    {
        get
        {
            MemoryInfo info;
            return _query(_device, &info) == 0 ? (long)info.Used : 0;
        }
    }

    /// <summary>Starts a new maximum and returns the last one, in bytes.</summary>
    public long TakeMost() => Interlocked.Exchange(ref _most, Used);

    /// <summary>Null, with the reason, where the library is missing or does not know the card.</summary>
    public static CardMemory? Open(string device, out string reason)
    {
        var index = device.Split(':') is [_, var number] ? int.Parse(number, System.Globalization.CultureInfo.InvariantCulture) : 0;
        var card = ComputeDevices.List().FirstOrDefault(d => d.Kind == DeviceKind.Cuda && d.Index == index);
        var search = NativeLibraries.Load(NativeLibraries.Nvml);
        reason = card is null ? "no such card" : "NVML was not found";
        if (card is null || !search.IsFound)
        {
            return null;
        }

        try
        {
            var initialize = (delegate* unmanaged<int>)NativeLibrary.GetExport(search.Handle, "nvmlInit_v2");
            var find = (delegate* unmanaged<byte*, nint*, int>)NativeLibrary.GetExport(search.Handle, "nvmlDeviceGetHandleByPciBusId_v2");
            var query = (delegate* unmanaged<nint, MemoryInfo*, int>)NativeLibrary.GetExport(search.Handle, "nvmlDeviceGetMemoryInfo");
            nint handle = 0;
            int result;
            fixed (byte* address = System.Text.Encoding.ASCII.GetBytes(card.PciAddress + "\0"))
            {
                result = initialize();
                result = result != 0 ? result : find(address, &handle);
            }

            MemoryInfo info;
            result = result != 0 ? result : query(handle, &info);
            reason = $"NVML answered {result}";
            return result == 0 ? new(handle, query) : null;
        }
        catch (EntryPointNotFoundException e)
        {
            reason = e.Message;
            return null;
        }
    }

    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
    }

    void Sample()
    {
        do
        {
            var used = Used;
            for (long most; used > (most = Interlocked.Read(ref _most)) && Interlocked.CompareExchange(ref _most, used, most) != most;)
            {
            }
        }
        while (!_end.Wait(s_interval));
    }

    /// <summary>struct nvmlMemory_st: bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct MemoryInfo
    {
        public ulong Total;
        public ulong Free;
        public ulong Used;
    }
}
