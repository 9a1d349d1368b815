namespace NvStream.Tokenization;

/// <summary>What a token is for, numbered as in tokenizer.ggml.token_type (llama.h, enum llama_token_type).</summary>
enum TokenType : byte
{
    Undefined = 0,
    Normal = 1,
    /// <summary>Stands for text that no token covers.</summary>
    Unknown = 2,
    /// <summary>Begin of text, end of turn and the like: matched in text only on request, never shown by default.</summary>
    Control = 3,
    /// <summary>Added to the vocabulary after training: matched in text before anything else.</summary>
    UserDefined = 4,
    Unused = 5,
    /// <summary>One byte, written &lt;0xXX&gt;.</summary>
    Byte = 6,
}
