# Runs one Pester file and writes its counts and failures as JSON. Without a file: says whether Pester can be had.
param([string] $Path, [string] $ResultPath)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$PSStyle.OutputRendering = 'PlainText'
Import-Module Pester -MinimumVersion 5.5
if (-not $Path) { return "$((Get-Module Pester).Version)" }

$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$configuration.Output.RenderMode = 'Plaintext'
$run = Invoke-Pester -Configuration $configuration
@{
    Result   = $run.Result
    Passed   = $run.PassedCount
    Skipped  = $run.SkippedCount
    Failures = @(
        $run.Failed | ForEach-Object { "$($_.ExpandedPath): $($_.ErrorRecord -join '; ')" }
        # A file or block that could not even be set up runs no test that could fail.
        $run.FailedContainers | ForEach-Object { "$($_.Item): $($_.ErrorRecord -join '; ')" }
        $run.FailedBlocks | ForEach-Object { "$($_.ExpandedPath): $($_.ErrorRecord -join '; ')" }
    )
} | ConvertTo-Json | Set-Content $ResultPath
