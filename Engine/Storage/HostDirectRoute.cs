using Microsoft.Win32.SafeHandles;
using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>O_DIRECT from the file into host slots: no page cache, no copy, several reads in flight.</summary>
sealed class HostDirectRoute : PositionalReadRoute
{
    HostDirectRoute(string reason, IReadOnlyList<GgufShard> shards, IReadOnlyList<SafeFileHandle> handles, RouteOptions options)
        : base(RouteKind.HostDirect, reason, shards, handles, ownsHandles: true, options)
    {
    }

    /// <summary>Opens every shard for direct reads; null with the reason where one refuses.</summary>
    public static HostDirectRoute? TryOpen(GgufFile file, RouteOptions options, out string refusal)
    {
        refusal = "";
        var handles = new List<SafeFileHandle>();
        foreach (var shard in file.Shards)
        {
            if (ShardFile.OpenDirect(shard.Path, out refusal) is not { } handle)
            {
                handles.ForEach(h => h.Dispose());
                return null;
            }

            handles.Add(handle);
        }

        return new($"direct reads into the slots, {options.QueueDepth} in flight", file.Shards, handles, options);
    }
}
