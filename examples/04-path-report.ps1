# How fast bytes get from a drive to the device, as one HTML page that can be mailed: bars, deviations, environment.
#Requires -Version 7.6
param(
    [string[]] $Path = [IO.Path]::GetTempPath(),
    [string] $OutputFolder = (Join-Path ([IO.Path]::GetTempPath()) 'path-report'),
    [object] $Size = 256MB
)
Import-Module $PSScriptRoot/../NvStream.psd1, $PSScriptRoot/PathReport.psm1
$null = New-Item -ItemType Directory -Force $OutputFolder

Measure-NvmePath $Path -Size $Size -BlockSize 1MB, 4MB -QueueDepth 1, 8 -Model $PSScriptRoot/models/logtriage-q4_k_m.gguf -DeviceBudget 6MB |
    Tee-Object -Variable rows
$rows | ConvertTo-PathReport -Title 'From NVMe to the device' | Set-Content $OutputFolder/report.html
Get-ChildItem $OutputFolder | Format-Table Name, Length
