using System.Management.Automation;

namespace NvStream.Commands;

/// <summary>Turns exceptions into error records with stable ids, true categories and something to do about them.</summary>
static class ErrorRecords
{
    public static ErrorRecord From(Exception exception, object? target)
    {
        var (id, remedy) = exception switch
        {
            NvStreamException e => (e.ErrorId, e.Remedy),
            FileNotFoundException or DirectoryNotFoundException => ("GgufNotFound", "Check the path."),
            UnauthorizedAccessException => ("StorageReadFailed", "Check that you may read the file."),
            IOException => ("StorageReadFailed", "Check the file and the device it lies on."),
            OutOfMemoryException => ("HostMemoryTooSmall", "Close what else uses memory, or lower -DeviceBudget, -HostBudget or -ContextLength."),
            _ => ("UnexpectedError", "This is a defect of NvStream: please report it with the details that Get-Error shows."),
        };

        return new(exception, id, exception is UnauthorizedAccessException ? ErrorCategory.PermissionDenied : Category(id), target)
        {
            ErrorDetails = new(exception.Message) { RecommendedAction = remedy },
        };
    }

    static ErrorCategory Category(string errorId) => errorId switch
    {
        "GgufNotFound" or "ModelNotFound" or "PathNotFound" => ErrorCategory.ObjectNotFound,
        "GgufInvalid" or "GgufTruncated" or "TokenizerInvalid" or "ChatTemplateFailed" or "ChatTemplateRejected" or "ConfigurationInvalid" or "DraftModelInvalid" => ErrorCategory.InvalidData,
        "GgufVersionUnsupported" or "ArchitectureUnsupported" or "TensorTypeUnsupported" or "TokenizerUnsupported" or "ChatTemplateUnsupported" => ErrorCategory.NotImplemented,
        "DeviceBudgetTooSmall" or "HostMemoryTooSmall" or "ContextLengthExceeded" or "ChatTemplateLimit" => ErrorCategory.LimitsExceeded,
        "RouteUnavailable" or "CudaUnavailable" => ErrorCategory.ResourceUnavailable,
        "CubinMissing" => ErrorCategory.NotInstalled,
        "CudaError" => ErrorCategory.DeviceError,
        "StorageReadFailed" or "PathUnreadable" => ErrorCategory.ReadError,
        "ScratchFileFailed" => ErrorCategory.WriteError,
        "ModelNameInUse" => ErrorCategory.ResourceExists,
        "ModelDisposed" => ErrorCategory.InvalidOperation,
        "PromptEmpty" or "ArgumentInvalid" or "DeviceUnknown" or "ChatTemplateMissing" or "DraftModelMissing" => ErrorCategory.InvalidArgument,
        "PromptInvalid" => ErrorCategory.InvalidType,
        _ => ErrorCategory.NotSpecified,
    };
}
