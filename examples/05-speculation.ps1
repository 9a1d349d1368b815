# Several tokens a pass: text that stood in the prompt before is proposed and verified, and the answer stays the same.
#Requires -Version 7.6
Import-Module $PSScriptRoot/../NvStream.psd1
$model = Import-StreamModel $PSScriptRoot/models/logtriage-q4_k_m.gguf -DeviceBudget 6MB

# A worked example: the answer to this log line will look much like the one before it.
$prompt = '<|user|>2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds<|eot_id|><|assistant|>' +
    '{"time":"2024-08-10T04:05:34Z","host":"store-24","source":"postgres","severity":"warning","category":"database","component":"billing","action":"check replication"}<|eot_id|>' +
    '<|user|>2024-08-10T04:07:11Z store-24 postgres: replica of orders lags by 812 seconds<|eot_id|><|assistant|>'

$answers = 'None', 'Lookup' | ForEach-Object {
    Invoke-StreamInference $model $prompt -Raw -Speculate $_ -Temperature 0 | Add-Member -PassThru Speculate $_
}
$answers | Select-Object Speculate, TokenCount, Passes, @{ n = 'TokensPerPass'; e = { $_.Account.TokensPerPass } }, AcceptedPerPass, DecodeRate, Duration |
    Format-Table
$answers[0].Account | Format-List
"The same text: $($answers[0].Text -ceq $answers[1].Text)"
Remove-StreamModel $model
