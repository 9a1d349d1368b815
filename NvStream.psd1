@{
    RootModule           = 'Module/lib/NvStream.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '4ce51f8d-67e4-4fd5-aded-38bb0dc58ad5'
    Author               = 'NvStream contributors'
    CompanyName          = 'NvStream contributors'
    Copyright            = 'Copyright (c) NvStream contributors. MIT licence.'
    Description          = 'Runs GGUF language models larger than the device memory by streaming their weights layer by layer from NVMe.'
    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')
    TypesToProcess       = @('Module/NvStream.Types.ps1xml')
    FormatsToProcess     = @('Module/NvStream.Format.ps1xml')
    CmdletsToExport      = @(
        'Get-StreamDevice'
        'Get-StreamModel'
        'Import-StreamModel'
        'Invoke-StreamInference'
        'Measure-NvmePath'
        'Remove-StreamModel'
    )
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()
    PrivateData          = @{
        PSData = @{
            Tags         = @('LLM', 'GGUF', 'Inference', 'AI', 'NVMe', 'CUDA', 'GPUDirect', 'PSEdition_Core', 'Linux', 'Windows')
            LicenseUri   = 'https://github.com/nvstream/nvstream/blob/main/LICENSE'
            ProjectUri   = 'https://github.com/nvstream/nvstream'
            ReleaseNotes = 'https://github.com/nvstream/nvstream/blob/main/CHANGELOG.md'
        }
    }
}
