namespace NvStream.Tokenization.Templates;

/// <summary>One turn of a conversation, as a template sees it: a mapping with the keys <c>role</c> and <c>content</c>.</summary>
/// <param name="Role">Usually <c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>; the template decides what it takes.</param>
public sealed record ChatMessage(string Role, string Content);
