# Log lines in, a report out: each line becomes an object, all of them sharing passes over the weights.
#Requires -Version 7.6
param([string] $OutputFolder = (Join-Path ([IO.Path]::GetTempPath()) 'log-triage'))
Import-Module $PSScriptRoot/../NvStream.psd1
$null = New-Item -ItemType Directory -Force $OutputFolder

$events = @'
2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full
2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds
2026-02-03T11:40:02Z web-07 df: filesystem /var is 93% full
'@ -split '\r?\n' |
    Invoke-StreamInference $PSScriptRoot/models/logtriage-q4_k_m.gguf -Temperature 0 |
    ForEach-Object { $_.Text | ConvertFrom-Json | Add-Member -PassThru Log $_.Prompt }

$events | Group-Object category | Sort-Object Count -Descending | Format-Table Count, Name, @{ n = 'Hosts'; e = { $_.Group.host } }
$events | Export-Csv $OutputFolder/triage.csv
$events | ConvertTo-Html -Title 'Log triage' -Property time, host, severity, category, component, action | Set-Content $OutputFolder/triage.html
Get-ChildItem $OutputFolder | Format-Table Name, Length
