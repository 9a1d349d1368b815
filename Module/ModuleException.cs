using NvStream.Inference;

namespace NvStream.Commands;

/// <summary>Errors of the cmdlets' own: names, paths and piped objects, which the engine never sees.</summary>
sealed class ModuleException(string errorId, string message, string remedy) : NvStreamException(errorId, message, remedy)
{
    public static ModuleException ModelNotFound(string name, IReadOnlyList<StreamModel> candidates) => new(
        "ModelNotFound",
        $"No model named '{name}' is loaded{(candidates.Count == 0 ? "." : $"; loaded: {Names(candidates)}.")}",
        "Import it with Import-StreamModel, or give the path of a GGUF file.");

    /// <summary>-Model was left out although it is not clear which is meant.</summary>
    public static ModuleException ModelAmbiguous(IReadOnlyList<StreamModel> candidates) => candidates.Count == 0
        ? new("ModelNotFound", "No model is loaded.", "Import one with Import-StreamModel, or give -Model the path of a GGUF file.")
        : new("ModelNotFound", $"{candidates.Count} models are loaded: {Names(candidates)}.", "Say with -Model which of them is meant.");

    public static ModuleException NotAModel(object value) => new(
        "ModelNotFound", $"A {value.GetType().Name} is neither a model, nor a loaded model's name, nor a path.",
        "Give -Model what Import-StreamModel or Get-StreamModel wrote, a name or a path.");

    public static ModuleException NameInUse(string name, string path) => new(
        "ModelNameInUse", $"'{path}' was not imported: a model named '{name}' is loaded already.",
        $"Choose another name with -Name, or release the loaded one with Remove-StreamModel '{name}'.");

    public static ModuleException OneNameManyFiles(string name, int count) => new(
        "ModelNameInUse", $"The name '{name}' was given for {count} files.",
        "Leave out -Name, so that each model gets its file's base name, or import the files one by one.");

    public static ModuleException NotAFile(string path, string why) => new(
        "GgufNotFound", $"'{path}' {why}.", "Give the path of a GGUF file in a file system.");

    /// <summary>Nothing to measure.</summary>
    public static ModuleException PathNotFound(string path, string why) => new(
        "PathNotFound", $"'{path}' {why}.", "Give the path of a file to read, or of a folder on the drive to measure.");

    public static ModuleException PromptInvalid(object? value) => new(
        "PromptInvalid",
        value is null ? "A null was piped where a prompt was expected." : $"A {value.GetType().Name} is neither a string nor has it a Prompt property that is one.",
        "Pipe strings, or say where the prompt is: -Prompt { $_.Property }.");

    public static ModuleException PromptMissing() => new(
        "PromptEmpty", "No prompt was given.", "Give -Prompt a text, or pipe prompts in.");

    static string Names(IReadOnlyList<StreamModel> models) => string.Join(", ", models.Select(m => $"'{m.Name}'"));
}
