# A model that does not fit: what would stay, what would stream, and that the answer is the same.
#Requires -Version 7.6
Import-Module $PSScriptRoot/../NvStream.psd1
$path = "$PSScriptRoot/models/logtriage-q4_k_m.gguf"
$log = '2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full'

Import-StreamModel $path -DeviceBudget 6MB -WhatIf | Format-Table

$small = Import-StreamModel $path -Name small -DeviceBudget 6MB
$whole = Import-StreamModel $path -Name whole
$small, $whole | Format-Table

$answers = $small, $whole | ForEach-Object { Invoke-StreamInference $_ $log -Temperature 0 }
$answers | Format-Table Model, TokenCount, DecodeRate, BytesStreamed, StallFraction, Text
"The same text: $($answers[0].Text -ceq $answers[1].Text)"
$small, $whole | Remove-StreamModel
