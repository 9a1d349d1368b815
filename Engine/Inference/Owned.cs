namespace NvStream.Inference;

/// <summary>What has been opened so far, for release in reverse when the rest fails.</summary>
sealed class Owned : IDisposable
{
    readonly Stack<IDisposable> _items = new();

    public T Add<T>(T item)
        where T : IDisposable
    {
        _items.Push(item);
        return item;
    }

    public void Dispose()
    {
        while (_items.TryPop(out var item))
        {
            item.Dispose();
        }
    }
}
