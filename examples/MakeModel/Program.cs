using System.Runtime.InteropServices;
using NvStream;
using NvStream.Gguf;
using NvStream.MakeModel;

const int Failed = 1;
const int Misused = 2;
const int Cancelled = 130;

using var cancellation = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
try
{
    if (Arguments.Parse(args) is not { } arguments)
    {
        Console.WriteLine(Arguments.Usage);
        return 0;
    }

    using var donor = arguments.VocabularyFrom is { } path ? GgufFile.Open(path) : null;
    var model = arguments.Model with { Vocabulary = donor?.Metadata };
    var progress = new ConsoleProgress(model.Describe().TensorBytes);
    try
    {
        var files = model.Write(arguments.Path, new GgufWriteOptions
        {
            Files = arguments.Files,
            Sparse = arguments.Sparse,
            Overwrite = arguments.Force,
            Progress = progress,
            CancellationToken = cancellation.Token,
        });
        Console.WriteLine(string.Join(Environment.NewLine, files));
    }
    finally
    {
        progress.EndLine();
    }

    Console.Error.WriteLine(progress.Summary(arguments.Sparse));
    return 0;
}
catch (Exception error) when (error is UsageException or ArgumentException)
{
    Console.Error.WriteLine($"{error.Message} (--help lists the options)");
    return Misused;
}
catch (NvStreamException error)
{
    Console.Error.WriteLine($"{error.Message} {error.Remedy}");
    return Failed;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("cancelled; the partial file is removed");
    return Cancelled;
}

void Cancel(PosixSignalContext context)
{
    context.Cancel = true;
    cancellation.Cancel();
}
