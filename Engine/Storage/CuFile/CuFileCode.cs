namespace NvStream.Storage.CuFile;

/// <summary>CUfileOpError.</summary>
enum CuFileCode
{
    Success = 0,
    DriverNotInitialized = 5001,
    DriverInvalidProperties = 5002,
    DriverUnsupportedLimit = 5003,
    DriverVersionMismatch = 5004,
    DriverVersionUnreadable = 5005,
    DriverClosing = 5006,
    PlatformNotSupported = 5007,
    IoNotSupported = 5008,
    DeviceNotSupported = 5009,
    NvidiaFsError = 5010,
    CudaDriverError = 5011,
    CudaPointerInvalid = 5012,
    CudaMemoryTypeInvalid = 5013,
    CudaPointerRange = 5014,
    CudaContextMismatch = 5015,
    InvalidMappingSize = 5016,
    InvalidMappingRange = 5017,
    InvalidFileType = 5018,
    InvalidOpenFlag = 5019,
    DirectIoNotSet = 5020,
    InvalidValue = 5022,
    MemoryAlreadyRegistered = 5023,
    MemoryNotRegistered = 5024,
    PermissionDenied = 5025,
    DriverAlreadyOpen = 5026,
    HandleNotRegistered = 5027,
    HandleAlreadyRegistered = 5028,
    DeviceNotFound = 5029,
    InternalError = 5030,
    NewDescriptorFailed = 5031,
    NvidiaFsSetupError = 5033,
    IoDisabled = 5034,
    BatchSubmitFailed = 5035,
    PinningFailed = 5036,
    BatchFull = 5037,
    CompatModeOff = 5049,

    /// <summary>Not cuFile's: the library has not the function at all.</summary>
    MissingEntryPoint = -1,
}

/// <summary>What the codes mean and what can be done about them.</summary>
static class CuFileCodes
{
    const string SeeLog = "Look at cufile.log in the system's folder for temporary files, or use another route.";
    const string UseStaged = "Use -Route HostStaged or Auto.";

    /// <summary>"the file system or its device is not supported (cuFile error 5008)".</summary>
    public static string Meaning(CuFileError error) => FormattableString.Invariant($"{Words(error.Code)} (cuFile error {(int)error.Code}{Cuda(error)})");

    /// <summary>What an administrator, or who called, can do.</summary>
    public static string Remedy(CuFileCode code) => code switch
    {
        CuFileCode.DriverVersionMismatch or CuFileCode.DriverVersionUnreadable =>
            "Install the nvidia-fs package that belongs to the installed CUDA version, and load the module again.",
        CuFileCode.PlatformNotSupported or CuFileCode.DeviceNotSupported or CuFileCode.DeviceNotFound =>
            "GPUDirect Storage needs a data centre or workstation GPU on Linux. " + UseStaged,
        CuFileCode.IoNotSupported or CuFileCode.InvalidFileType => "Put the model on a local ext4 (data=ordered) or XFS file system. " + UseStaged,
        CuFileCode.NvidiaFsError or CuFileCode.NvidiaFsSetupError =>
            "Check that the nvidia-fs module is loaded (lsmod) and that /dev/nvidia-fs* can be opened, or " + Lower(UseStaged),
        CuFileCode.PermissionDenied => "Give the user access to /dev/nvidia-fs*, or " + Lower(UseStaged),
        CuFileCode.InvalidOpenFlag or CuFileCode.DirectIoNotSet => "The file system must allow O_DIRECT. " + UseStaged,
        CuFileCode.InvalidMappingSize or CuFileCode.PinningFailed =>
            "Lower DeviceBudget, or raise properties.max_device_pinned_mem_size_kb in cufile.json; the GPU's BAR1 limits what can be registered.",
        CuFileCode.HandleNotRegistered =>
            "cuFile finds the file system's type in udev's data: run udevd, and in a container mount the host's /run/udev. " + UseStaged,
        CuFileCode.CompatModeOff => "Set properties.allow_compat_mode to true in cufile.json. " + UseStaged,
        CuFileCode.CudaDriverError or CuFileCode.CudaContextMismatch => "Check that the GPU works (nvidia-smi). " + SeeLog,
        CuFileCode.MissingEntryPoint => "Install libcufile of CUDA 12.2 or later.",
        _ => SeeLog,
    };

    static string Words(CuFileCode code) => code switch
    {
        CuFileCode.DriverNotInitialized => "cuFile's driver is not initialized",
        CuFileCode.DriverInvalidProperties => "invalid driver properties",
        CuFileCode.DriverUnsupportedLimit => "a limit that the driver does not support",
        CuFileCode.DriverVersionMismatch => "the nvidia-fs module does not fit this cuFile",
        CuFileCode.DriverVersionUnreadable => "the nvidia-fs module's version cannot be read",
        CuFileCode.DriverClosing => "cuFile's driver is being closed",
        CuFileCode.PlatformNotSupported => "GPUDirect Storage is not supported on this platform",
        CuFileCode.IoNotSupported => "the file system or its device is not supported",
        CuFileCode.DeviceNotSupported => "the GPU is not supported",
        CuFileCode.NvidiaFsError => "the nvidia-fs module reported an error",
        CuFileCode.CudaDriverError => "the CUDA driver reported an error",
        CuFileCode.CudaPointerInvalid => "the address is no GPU memory",
        CuFileCode.CudaMemoryTypeInvalid => "memory of a kind that cannot be read into",
        CuFileCode.CudaPointerRange => "the memory ends before the read does",
        CuFileCode.CudaContextMismatch => "the memory belongs to another CUDA context",
        CuFileCode.InvalidMappingSize => "more memory than the GPU can map",
        CuFileCode.InvalidMappingRange => "a range that the GPU cannot map",
        CuFileCode.InvalidFileType => "a kind of file that is not supported",
        CuFileCode.InvalidOpenFlag => "the file was opened with a flag that is not supported",
        CuFileCode.DirectIoNotSet => "the file was not opened with O_DIRECT",
        CuFileCode.InvalidValue => "an invalid argument",
        CuFileCode.MemoryAlreadyRegistered => "the memory is registered already",
        CuFileCode.MemoryNotRegistered => "the memory is not registered",
        CuFileCode.PermissionDenied => "permission denied",
        CuFileCode.DriverAlreadyOpen => "cuFile's driver is open already",
        CuFileCode.HandleNotRegistered => "the file cannot be registered, because nothing is known about its file system",
        CuFileCode.HandleAlreadyRegistered => "the file is registered already",
        CuFileCode.DeviceNotFound => "the GPU was not found",
        CuFileCode.InternalError => "an internal error",
        CuFileCode.NewDescriptorFailed => "no new file descriptor could be had",
        CuFileCode.NvidiaFsSetupError => "the nvidia-fs module could not be set up",
        CuFileCode.IoDisabled => "GPUDirect Storage is switched off for this file by cufile.json",
        CuFileCode.BatchSubmitFailed => "the batch could not be started",
        CuFileCode.PinningFailed => "GPU memory could not be pinned",
        CuFileCode.BatchFull => "the batch is full",
        CuFileCode.CompatModeOff => "there is no direct path, and compatibility mode is switched off",
        CuFileCode.MissingEntryPoint => "the library has not this function",
        _ => "an error that this version of the engine does not know",
    };

    static string Cuda(CuFileError error) =>
        error.Code == CuFileCode.CudaDriverError ? FormattableString.Invariant($", CUDA error {error.Cuda}") : "";

    static string Lower(string text) => char.ToLowerInvariant(text[0]) + text[1..];
}
