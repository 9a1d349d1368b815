# Several tokens a pass: text that stood before is proposed and verified, here what an answer copies from its log line.
#Requires -Version 7.6
Import-Module $PSScriptRoot/../NvStream.psd1
$model = Import-StreamModel $PSScriptRoot/models/logtriage-q4_k_m.gguf -DeviceBudget 6MB
$log = '2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds'

# Once for the cold start; then the same prompt without and with drafts.
$null = Invoke-StreamInference $model $log -MaxTokens 8
$answers = 'None', 'Lookup' | ForEach-Object {
    Invoke-StreamInference $model $log -Speculate $_ -Temperature 0 | Add-Member -PassThru Speculate $_
}
$answers | Format-Table Speculate, TokenCount, Passes, @{ n = 'TokensPerPass'; e = { $_.Account.TokensPerPass } },
    AcceptedPerPass, @{ n = 'Milliseconds'; e = { $_.Duration.TotalMilliseconds } }
$answers | ForEach-Object Account | Format-Table Duration, StorageStall, ComputeTime, Rate, BoundRate, BindingTerm
"The same text: $($answers[0].Text -ceq $answers[1].Text)"
Remove-StreamModel $model
