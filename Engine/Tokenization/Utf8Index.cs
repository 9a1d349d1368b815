using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using NvStream.Gguf;

namespace NvStream.Tokenization;

/// <summary>
/// From a token's bytes to its id: open addressing over the strings where they lie, so that a vocabulary of 128k
/// costs 2 MB and no string. A slot holds the upper half of the hash and id + 1; 0 is empty.
/// </summary>
sealed class Utf8Index
{
    const ulong Multiplier = 0x9E3779B97F4A7C15;

    readonly GgufStringArray _texts;
    readonly ulong[] _slots;
    // Drawn anew for each index: a file cannot be made so that its strings collide.
    readonly ulong _seed = (ulong)Random.Shared.NextInt64();

    public Utf8Index(GgufStringArray texts)
    {
        _texts = texts;
        _slots = new ulong[BitOperations.RoundUpToPowerOf2((uint)Math.Max(texts.Count, 4) * 2)];
    }

    /// <summary>Bytes of the longest string added.</summary>
    public int Longest { get; private set; }

    /// <summary>Adds a string of the array; the id that holds the same bytes already, or -1.</summary>
    public int TryAdd(int id)
    {
        var text = _texts.Utf8(id);
        var hash = Hash(text);
        var slot = Probe(text, hash);
        if (_slots[slot] != 0)
        {
            return IdAt(slot);
        }

        _slots[slot] = (hash & 0xFFFFFFFF00000000) | (uint)(id + 1);
        Longest = Math.Max(Longest, text.Length);
        return -1;
    }

    /// <summary>The id of the string, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        if (text.Length > Longest)
        {
            return -1;
        }

        var slot = Probe(text, Hash(text));
        return _slots[slot] == 0 ? -1 : IdAt(slot);
    }

    int IdAt(int slot) => (int)(uint)_slots[slot] - 1;

    int Probe(ReadOnlySpan<byte> text, ulong hash)
    {
        var mask = _slots.Length - 1;
        var upper = hash >> 32;
        for (var slot = (int)(uint)hash & mask; ; slot = (slot + 1) & mask)
        {
            var held = _slots[slot];
            if (held == 0 || (held >> 32 == upper && _texts.Utf8(IdAt(slot)).SequenceEqual(text)))
            {
                return slot;
            }
        }
    }

    ulong Hash(ReadOnlySpan<byte> text)
    {
        var hash = _seed ^ (ulong)text.Length;
        while (text.Length >= 8)
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(text));
            text = text[8..];
        }

        var tail = 0UL;
        foreach (var value in text)
        {
            tail = (tail << 8) | value;
        }

        return Mix(Mix(hash ^ tail));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong Mix(ulong value)
    {
        var high = Math.BigMul(value ^ Multiplier, Multiplier, out var low);
        return high ^ low;
    }
}
