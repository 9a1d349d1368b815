using NvStream.Compute;
using NvStream.Gguf;
using NvStream.Models;
using NvStream.Tokenization;

namespace NvStream.Inference;

/// <summary>What a file says about its model, before any device is chosen.</summary>
sealed class ModelFile : IDisposable
{
    ModelFile(GgufFile file, ModelSpec spec, Tokenizer tokenizer)
    {
        File = file;
        Spec = spec;
        Tokenizer = tokenizer;
    }

    public GgufFile File { get; }

    public ModelSpec Spec { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>Filled once the device that must take their types is known.</summary>
    public LayerLayout[] Layers { get; private set; } = [];

    public static ModelFile Open(string path)
    {
        var file = GgufFile.Open(path);
        try
        {
            var spec = ModelSpec.FromGguf(file);
            var tokenizer = Tokenizer.FromGguf(file.Metadata);

            // Ids from the tokenizer index the embedding table.
            return tokenizer.VocabularySize <= spec.VocabularySize
                ? new(file, spec, tokenizer)
                : throw GgufException.Invalid(
                    path, 0, $"the vocabulary has {tokenizer.VocabularySize} tokens, but 'token_embd.weight' has {spec.VocabularySize} rows");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void ReadLayers(Func<TensorType, bool> isSupported) => Layers = LayerLayout.Read(File, Spec, isSupported);

    /// <summary>Whether both give every token the same number: what one proposes means the same to the other.</summary>
    public bool HasVocabularyOf(ModelFile other)
    {
        const string Key = "tokenizer.ggml.tokens";
        if (File.Metadata.FindStrings(Key) is not { } mine || other.File.Metadata.FindStrings(Key) is not { } theirs || mine.Count != theirs.Count)
        {
            return false;
        }

        for (var i = 0; i < mine.Count; i++)
        {
            if (!mine.Utf8(i).SequenceEqual(theirs.Utf8(i)))
            {
                return false;
            }
        }

        return true;
    }

    public void Dispose() => File.Dispose();
}
