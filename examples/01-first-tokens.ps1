# A first answer: the text as it is made, then what it cost.
#Requires -Version 7.6
Import-Module $PSScriptRoot/../NvStream.psd1

$model = Import-StreamModel $PSScriptRoot/models/logtriage-q4_k_m.gguf
$model | Format-Table

Invoke-StreamInference $model '2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds' -Temperature 0 -Stream |
    Format-List

Remove-StreamModel $model
