using System.Globalization;
using NvStream.Gguf;

namespace NvStream.MakeModel;

/// <summary>A command line that cannot be understood; the message is for the user.</summary>
sealed class UsageException(string message) : Exception(message);

/// <summary>What the command line asks for.</summary>
sealed record Arguments(
    string Path, SyntheticModel Model, int Files, bool Sparse, bool Force, string? VocabularyFrom)
{
    public static string Usage { get; } = $"""
        Makes a GGUF model with random weights, of any shape: for tests and measurements of what a model of that size needs.

        usage: MakeModel OUT.gguf [options]

          --shape NAME             start from {string.Join(", ", SyntheticModel.Shapes)}; the options below change it (default 1.1B)
          --architecture NAME      llama, qwen2 or qwen3
          --dim N                  columns of the residual stream
          --ffn N                  columns of the feed-forward network
          --heads N                query heads
          --kv-heads N             key-value heads
          --head-dim N             columns of a head (default dim / heads)
          --layers N               layers
          --vocab N                tokens
          --vocabulary-from GGUF   take vocabulary and chat template from this model
          --context N              context length that the model states
          --tied                   the embedding is the output head too
          --type NAME              {string.Join(", ", SyntheticModel.Types.Take(11))},
                                   {string.Join(", ", SyntheticModel.Types.Skip(11))}
                                   (default Q4_K_M)
          --name TEXT              general.name
          --seed N                 the same seed gives the same bytes (default 1)
          --split N                write a split set of N files
          --sparse                 leave the weights as a hole: the size of a model, none of its bytes
          --force                  replace files that are there
          --help                   this text
        """;

    /// <returns>Null where help is asked for.</returns>
    /// <exception cref="UsageException">Something is missing, unknown or no number.</exception>
    public static Arguments? Parse(string[] args)
    {
        if (args.Any(arg => arg is "--help" or "-h" or "-?"))
        {
            return null;
        }

        string? path = null;
        string? vocabularyFrom = null;
        var (files, sparse, force) = (1, false, false);
        var model = Shape(args);
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--shape": i++; break;
                case "--architecture": model = model with { Architecture = Text() }; break;
                case "--dim": model = model with { EmbeddingLength = Count() }; break;
                case "--ffn": model = model with { FeedForwardLength = Count() }; break;
                case "--heads": model = model with { HeadCount = Count() }; break;
                case "--kv-heads": model = model with { KeyValueHeadCount = Count() }; break;
                case "--head-dim": model = model with { HeadLength = Count() }; break;
                case "--layers": model = model with { LayerCount = Count() }; break;
                case "--vocab": model = model with { VocabularySize = Count() }; break;
                case "--vocabulary-from": vocabularyFrom = Text(); break;
                case "--context": model = model with { ContextLength = Count() }; break;
                case "--tied": model = model with { TiedEmbeddings = true }; break;
                case "--type": model = model with { Type = Text() }; break;
                case "--name": model = model with { Name = Text() }; break;
                case "--seed": model = model with { Seed = (ulong)Number(0, long.MaxValue) }; break;
                case "--split": files = Count(); break;
                case "--sparse": sparse = true; break;
                case "--force": force = true; break;
                case var option when option.StartsWith('-'): throw new UsageException($"there is no option {option}");
                case var operand when path is null: path = operand; break;
                default: throw new UsageException($"one file is made at a time, but '{args[i]}' follows '{path}'");
            }

            string Text() => Value(args, ref i);

            int Count() => (int)Number(1, int.MaxValue);

            long Number(long least, long most)
            {
                var option = args[i];
                var text = Text();
                return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                    && number >= least && number <= most
                    ? number
                    : throw new UsageException($"{option} takes a number from {least} to {most}, not '{text}'");
            }
        }

        return path is null
            ? throw new UsageException("name the file to make")
            : new Arguments(path, model, files, sparse, force, vocabularyFrom);
    }

    /// <summary>The shape is what the other options change, wherever on the line it stands.</summary>
    static SyntheticModel Shape(string[] args)
    {
        var i = Array.IndexOf(args, "--shape");
        return i < 0 ? new SyntheticModel() : SyntheticModel.OfShape(Value(args, ref i));
    }

    static string Value(string[] args, ref int i) => i + 1 < args.Length
        ? args[++i]
        : throw new UsageException($"{args[i]} takes a value");
}
