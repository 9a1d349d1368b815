namespace NvStream.Inference;

/// <summary>A request that cannot be answered.</summary>
public sealed class InferenceException : NvStreamException
{
    InferenceException(string errorId, string message, string remedy)
        : base(errorId, message, remedy)
    {
    }

    public static InferenceException ContextLengthExceeded(int promptTokens, int contextLength) => new(
        "ContextLengthExceeded",
        $"The prompt has {promptTokens} tokens; with room for one more it exceeds the context of {contextLength} tokens.",
        "Shorten the prompt, or import the model with a larger -ContextLength.");

    public static InferenceException ModelDisposed(string name) => new(
        "ModelDisposed", $"The model '{name}' has been released.", "Import it again with Import-StreamModel.");

    public static InferenceException PromptEmpty() => new(
        "PromptEmpty", "The prompt is empty.", "Give a prompt with at least one character.");

    public static InferenceException ContextLengthUnsupported(int asked, int contextLength) => new(
        "ContextLengthExceeded",
        $"A context of {asked} tokens was asked for; this model was made for 1 to {contextLength}.",
        $"Give -ContextLength {contextLength} or less.");

    public static InferenceException NoChatTemplate(string path) => new(
        "ChatTemplateMissing", $"'{path}' has no chat template.", "Use -Raw and write the prompt in the model's own format.");

    public static InferenceException Invalid(string what) => new(
        "ArgumentInvalid", what, "See Get-Help Invoke-StreamInference -Full for the ranges.");

    public static InferenceException DraftModelMissing(string name) => new(
        "DraftModelMissing",
        $"Drafting was asked for, but no model drafts for '{name}'.",
        "Give -DraftModel a small model of the same vocabulary, here or to Import-StreamModel, or use -Speculate Lookup or Auto.");

    public static InferenceException DraftModelInvalid(string path, string what) => new(
        "DraftModelInvalid", $"'{path}' cannot draft for this model: {what}.", "Use a smaller model of the same family, with the same vocabulary.");
}
