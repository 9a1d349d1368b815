namespace NvStream.Compute.Cuda.Driver;

/// <summary>The driver's answers that are told apart here (cuda.h, enum cudaError_enum); the rest are only named.</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NoDevice = 100,
    InvalidImage = 200,
    NoBinaryForGpu = 209,
    EccUncorrectable = 214,
    InvalidPtx = 218,
    NvlinkUncorrectable = 220,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchTimeout = 702,
    ContextIsDestroyed = 709,
    Assert = 710,
    HardwareStackError = 714,
    IllegalInstruction = 715,
    MisalignedAddress = 716,
    InvalidAddressSpace = 717,
    InvalidProgramCounter = 718,
    LaunchFailed = 719,
    TensorMemoryLeak = 721,
    Unknown = 999,
}
