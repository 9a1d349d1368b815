using NvStream.Gguf;

namespace NvStream.Storage;

/// <summary>Through the page cache: the road where direct reads are refused, and the faster one for files that memory holds.</summary>
sealed class MappedRoute(string reason, GgufFile file, RouteOptions options)
    : PositionalReadRoute(RouteKind.Mapped, reason, file.Shards, [.. file.Shards.Select(s => s.Handle)], ownsHandles: false, options);
