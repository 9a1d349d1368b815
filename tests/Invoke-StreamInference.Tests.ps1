BeforeAll {
    . "$PSScriptRoot/TestModule.ps1"
    $model = Import-StreamModel $DemoModel
    $greedy = @{ Model = $model; Temperature = 0; MaxTokens = 110 }
}
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'Invoke-StreamInference' {
    Context 'one prompt' {
        It 'answers with text and figures of real types' {
            $result = Invoke-StreamInference @greedy -Prompt $Tasks[0].log
            $result.PSTypeNames[0] | Should -Be 'NvStream.Inference.InferenceResult'
            $result.Text | Should -BeExactly $Tasks[0].expected
            "$result" | Should -BeExactly $result.Text
            $result.Model | Should -Be $model.Name
            $result.Prompt | Should -Be $Tasks[0].log
            $result.FinishReason | Should -Be 'Stop'
            $result.TokenIds.Count | Should -Be $result.TokenCount
            $result.PromptTokenIds.Count | Should -Be $result.PromptTokenCount
            $result.TimeToFirstToken | Should -BeOfType [timespan]
            $result.TimeToFirstToken | Should -BeLessOrEqual $result.Duration
            $result.DecodeRate | Should -BeGreaterThan 0
            $result.Passes | Should -BeGreaterOrEqual ($result.TokenCount - $result.AcceptedTokenCount)
            $result.StallFraction | Should -BeGreaterOrEqual 0
            $result.StallFraction | Should -BeLessOrEqual 1
            $result.BytesStreamed | Should -BeOfType [long]
            $result.BindingTerm | Should -BeIn 'Nvme', 'Pcie', 'Vram', 'Compute'
            $result.InputObject | Should -BeNullOrEmpty
        }

        It 'takes the model by position, by name, or left out when it is the only one' {
            (Invoke-StreamInference $model $Tasks[0].log -Temperature 0).Text | Should -BeExactly $Tasks[0].expected
            (Invoke-StreamInference LOGTRIAGE-q4_k_m $Tasks[0].log -Temperature 0).Text | Should -BeExactly $Tasks[0].expected
            (Invoke-StreamInference -Prompt $Tasks[0].log -Temperature 0).Text | Should -BeExactly $Tasks[0].expected
        }

        It 'imports a path, uses it and releases it' {
            $bytes = Get-LiveBytes
            (Invoke-StreamInference $DemoModel $Tasks[0].log -Temperature 0).Text | Should -BeExactly $Tasks[0].expected
            (Invoke-StreamInference (Get-Item $DemoModel) $Tasks[0].log -Temperature 0).Text | Should -BeExactly $Tasks[0].expected
            Get-LiveBytes | Should -Be $bytes
            @(Get-StreamModel).Count | Should -Be 1
        }

        It 'ends at MaxTokens and before a stop text' {
            $short = Invoke-StreamInference @greedy -Prompt $Tasks[0].log
            $cut = Invoke-StreamInference $model $Tasks[0].log -Temperature 0 -MaxTokens 5
            $cut.FinishReason | Should -Be 'Length'
            $cut.TokenCount | Should -Be 5
            $short.Text | Should -BeLike "$($cut.Text)*"
            $stopped = Invoke-StreamInference @greedy -Prompt $Tasks[0].log -Stop '"severity"', 'never'
            $stopped.FinishReason | Should -Be 'StopSequence'
            $stopped.Text | Should -BeExactly $Tasks[0].expected.Split('"severity"')[0]
        }

        It 'puts raw prompts through no template' {
            $raw = Invoke-StreamInference @greedy -Raw -Prompt "<|user|>$($Tasks[0].log)<|eot_id|><|assistant|>"
            $raw.Text | Should -BeExactly $Tasks[0].expected
            $raw.PromptTokenIds | Should -Be (Invoke-StreamInference @greedy -Prompt $Tasks[0].log).PromptTokenIds
        }

        It 'gives the same text for the same seed, and names the seed it drew' {
            $hot = @{ Model = $model; Prompt = $Tasks[0].log; Temperature = 3; TopK = 0; TopP = 1; MinP = 0; MaxTokens = 12 }
            $first = Invoke-StreamInference @hot
            (Invoke-StreamInference @hot -Seed $first.Seed).Text | Should -BeExactly $first.Text
            $second = Invoke-StreamInference @hot -Seed ($first.Seed -bxor 1)
            $second.TokenIds | Should -Not -Be $first.TokenIds
        }
    }

    Context 'the account' {
        BeforeAll {
            $small = Import-StreamModel $DemoModel -Name account -DeviceBudget 6MB
            $lines = { param($records) $records.Where{ $_ -is [Management.Automation.VerboseRecord] }.ForEach{ $_.Message } }
        }
        AfterAll { Remove-StreamModel account }

        It 'says of a pass which bytes came from where and what the time went to' {
            $result = Invoke-StreamInference $small $Tasks[0].log -Temperature 0
            foreach ($account in $result.Account, $result.PromptAccount) {
                $account.PSTypeNames[0] | Should -Be 'NvStream.Inference.PassAccount'
                $account.Duration | Should -BeOfType [timespan]
                $account.ComputeTime + $account.StorageStall + $account.LinkStall | Should -Be $account.Duration
                $account.DeviceBytes | Should -Be $small.Plan.ResidentBytes
                $account.HostBytes | Should -Be $small.Plan.HostBytes
                $account.StorageBytes | Should -Be $small.BytesPerPass
                $account.StorageRate | Should -BeGreaterThan 0
                $account.Rate | Should -BeGreaterThan 0
            }
            $result.Account.Passes + $result.PromptAccount.Passes | Should -Be $result.Passes
            $result.Passes * $result.Account.StorageBytes | Should -Be $result.BytesStreamed
            $result.Passes * $result.Account.HostBytes | Should -Be $result.BytesFromHost
            $result.Account.BoundRate | Should -Be $result.BoundRate
            $result.Account.BindingTerm | Should -Be $result.BindingTerm
            $result.Account.TokensPerPass * $result.Account.Passes | Should -Be ($result.TokenCount - 1)
        }

        It 'is of the prompt where no token was decoded' {
            $result = Invoke-StreamInference $small $Tasks[0].log -MaxTokens 1
            $result.Account.Passes | Should -Be $result.Passes
            $result.PromptAccount.Passes | Should -Be $result.Passes
            $result.DecodeRate | Should -Be 0
            $result.BoundRate | Should -BeGreaterThan 0
        }

        It 'shows in lists, readable' {
            $text = Invoke-StreamInference $small $Tasks[0].log -Temperature 0 | Format-List | Out-String -Width 400
            $text | Should -Match 'Account +: [\d.]+ t/s of at most [\d.]+ by \w+, .* tokens a pass; a pass: .* MB device, 0 host, .* MB NVMe, stalled'
            $text | Should -Match 'AcceptedPerPass +: \d'
            $text | Should -Match 'BytesFromHost +: 0 B'
            (Invoke-StreamInference $small $Tasks[0].log -MaxTokens 9).Account | Out-String | Should -Match 'StorageRate +: [\d.]+ [KMG]?B/s'
        }

        It 'ends -Verbose as one table for all prompts' {
            $all = & $lines @($Tasks + $Tasks | Invoke-StreamInference $small -Prompt { $_.log } -Temperature 0 -Verbose 4>&1)
            $head = @($all -match '^account: 4 answers, \d+ tokens in .* t/s together\.$')
            $head.Count | Should -Be 1
            $table = $all[$all.IndexOf($head[0])..($all.Count - 1)]
            ($table -match '^Prompts: .* tokens a pass, .* of at most .*, bound by \w+\.$').Count | Should -Be 1
            ($table -match '^Decoding, means over \d+ passes, a shared pass counted for each answer:$').Count | Should -Be 1
            ($table -match '^  device +\d.* [KM]B$').Count | Should -Be 1
            ($table -match '^  host +0 B$').Count | Should -Be 1
            ($table -match '^  NVMe +\d.* [KM]B +\d.*B/s +\d.*s$').Count | Should -Be 1
            ($table -match '^Tokens a pass: \d').Count | Should -Be 1
            $table[-1] | Should -Match '^Reached [\d.]+ t/s of at most [\d.]+ t/s an answer, bound by \w+\.$'
            $table.ForEach{ $_.Length + 'VERBOSE: '.Length } | Should -Not -BeGreaterThan 100
        }

        It 'is of prompts where none was decoded, and left out where none was answered' {
            $one = & $lines @(Invoke-StreamInference $small $Tasks[0].log -MaxTokens 1 -Verbose 4>&1)
            $one | Should -Contain 'Prompts, means over 1 pass:'
            $none = & $lines @(Invoke-StreamInference $small '' -Verbose -ErrorAction SilentlyContinue 4>&1)
            $none -match 'means over' | Should -BeNullOrEmpty
        }

        It 'is not written without -Verbose' {
            Invoke-StreamInference $small $Tasks[0].log -MaxTokens 2 4>&1 | ForEach-Object { $_ | Should -Not -BeOfType [Management.Automation.VerboseRecord] }
        }
    }

    Context 'speculation' {
        It 'gives the same text with -Speculate <_>' -ForEach 'None', 'Lookup', 'Auto' {
            foreach ($task in $Tasks) {
                $result = Invoke-StreamInference @greedy -Prompt $task.log -Speculate $_
                $result.Text | Should -BeExactly $task.expected
                $result.AcceptedTokenCount | Should -BeLessOrEqual $result.DraftedTokenCount
                # Each pass makes one token and those it accepts; only the last may end with an accepted one.
                $result.Account.TokensPerPass | Should -BeGreaterOrEqual (1 + $result.AcceptedPerPass - 1 / $result.Account.Passes - 1e-9)
            }
        }

        It 'drafts nothing with -Speculate None' {
            $result = Invoke-StreamInference @greedy -Prompt $Tasks[0].log -Speculate None
            $result.DraftedTokenCount | Should -Be 0
            $result.AcceptedPerPass | Should -Be 0
            $result.Account.TokensPerPass | Should -Be 1
        }

        It 'gives the same text with a draft model given as <what>' -ForEach @(
            @{ what = 'a path'; draft = { $DemoModel } }
            @{ what = 'a loaded model'; draft = { $model } }
            @{ what = 'a loaded model''s name'; draft = { $model.Name } }
        ) {
            $own = Import-StreamModel $DemoModel -Name drafted -DraftModel $DemoModel
            try {
                $result = Invoke-StreamInference $own $Tasks[0].log -Temperature 0 -Speculate Draft -DraftModel (& $draft)
                $result.Text | Should -BeExactly $Tasks[0].expected
                $result.AcceptedTokenCount | Should -BeGreaterThan 0
                $own.DraftModel | Should -Be (Get-Item $DemoModel).FullName
            } finally {
                Remove-StreamModel $own
            }
        }

        It 'imports a path with its draft model' {
            $bytes = Get-LiveBytes
            $result = Invoke-StreamInference $DemoModel $Tasks[0].log -Temperature 0 -Speculate Draft -DraftModel $DemoModel
            $result.Text | Should -BeExactly $Tasks[0].expected
            $result.AcceptedTokenCount | Should -BeGreaterThan 0
            Get-LiveBytes | Should -Be $bytes
        }

        It 'says <id> for <what>' -ForEach @(
            @{ what = 'no draft model'; id = 'DraftModelMissing'; script = { Invoke-StreamInference $model x -Speculate Draft } }
            @{ what = 'a draft model of another vocabulary'; id = 'DraftModelInvalid'; script = { Invoke-StreamInference $model x -DraftModel (New-OtherModel $TestDrive/other.gguf) } }
        ) {
            Get-ErrorId $script | Should -Be $id
        }

        It 'warns that a draft model is not used with -Speculate <_>' -ForEach 'None', 'Lookup' {
            $result = Invoke-StreamInference @greedy -Prompt $Tasks[0].log -Speculate $_ -DraftModel $model -WarningVariable warnings -WarningAction SilentlyContinue
            $result.Text | Should -BeExactly $Tasks[0].expected
            "$warnings" | Should -Be "DraftModel is not used: Speculate is $_."
            $model.DraftModel | Should -BeNullOrEmpty
        }

        It 'takes a default of how to speculate from the environment' {
            $env:NVSTREAM__Inference__Speculate = 'none'
            try {
                $all = @(Invoke-StreamInference @greedy -Prompt $Tasks[0].log -Verbose 4>&1)
                "$all" | Should -Match "Speculate is 'none' by environment variable NVSTREAM__Inference__Speculate"
                $env:NVSTREAM__Inference__Speculate = 'sometimes'
                { Invoke-StreamInference $model x } | Should -Throw -ErrorId 'ConfigurationInvalid*' -ExpectedMessage '*Auto, None, Lookup, Draft*'
            } finally {
                Remove-Item env:NVSTREAM__Inference__Speculate
            }
        }

        It 'leaves a default draft model alone that nobody would ask, and looks for one that somebody would' {
            $env:NVSTREAM__Import__DraftModel = "$TestDrive/none.gguf"
            try {
                (Invoke-StreamInference $DemoModel $Tasks[0].log -Temperature 0 -Speculate None).Text | Should -BeExactly $Tasks[0].expected
                Get-ErrorId { Invoke-StreamInference $DemoModel $Tasks[0].log } | Should -Be 'GgufNotFound'
            } finally {
                Remove-Item env:NVSTREAM__Import__DraftModel
            }
        }
    }

    Context 'the pipeline' {
        It 'answers in input order, each with its piped object' {
            $results = $Tasks + $Tasks + $Tasks | Invoke-StreamInference @greedy -Prompt { $_.log }
            $results.Count | Should -Be 6
            $results.Text | Should -Be $results.InputObject.expected
            $results.Prompt | Should -Be (($Tasks + $Tasks + $Tasks).log)
        }

        It 'takes strings' {
            $results = $Tasks.log | Invoke-StreamInference @greedy
            $results.Text | Should -Be $Tasks.expected
            $results.InputObject | Should -Be $Tasks.log
        }

        It 'takes objects with a Prompt property' {
            $pipe = $Tasks | Select-Object @{ n = 'Prompt'; e = { $_.log } }, expected
            $results = $pipe | Invoke-StreamInference @greedy
            $results.Text | Should -Be $results.InputObject.expected
        }

        It 'never takes an object''s ToString()' {
            $pipe = [pscustomobject]@{ Other = 1 }, $Tasks[0].log, (Get-Item $DemoModel), 42, $null
            $results = $pipe | Invoke-StreamInference @greedy -ErrorAction SilentlyContinue -ErrorVariable problems
            @($results).Count | Should -Be 1
            $results.Text | Should -BeExactly $Tasks[0].expected
            $problems.FullyQualifiedErrorId | Should -Be (@('PromptInvalid,NvStream.Commands.InvokeStreamInferenceCommand') * 3 + 'PromptEmpty,NvStream.Commands.InvokeStreamInferenceCommand')
            $problems[0].CategoryInfo.Category | Should -Be 'InvalidType'
            { Invoke-StreamInference $model -Prompt (Get-Item $DemoModel) } | Should -Throw -ErrorId 'ParameterArgumentTransformationError*'
        }

        It 'says PromptEmpty for an empty prompt and answers the others' {
            $results = '', $Tasks[0].log, '' | Invoke-StreamInference @greedy -ErrorAction SilentlyContinue -ErrorVariable problems
            $results.Text | Should -BeExactly $Tasks[0].expected
            $problems.Count | Should -Be 2
            $problems[0].FullyQualifiedErrorId | Should -BeLike 'PromptEmpty,*'
        }

        It 'makes nothing of nothing' {
            @() | Invoke-StreamInference @greedy -ErrorVariable problems | Should -BeNullOrEmpty
            $problems.Count | Should -Be 0
        }

        It 'gives the same answers whatever shares a pass' {
            $prompts = 1..16 | ForEach-Object { $Tasks[$_ % 2].log -replace ' ', (' ' * (1 + $_ % 3)) }
            $alone = $prompts | Invoke-StreamInference $model -Temperature 1.5 -Seed 7 -MaxTokens 40 -BatchSize 1
            $together = $prompts | Invoke-StreamInference $model -Temperature 1.5 -Seed 7 -MaxTokens 40 -BatchSize 16
            $auto = $prompts | Invoke-StreamInference $model -Temperature 1.5 -Seed 7 -MaxTokens 40 -BatchSize Auto
            $together.Text | Should -Be $alone.Text
            $auto.Text | Should -Be $alone.Text
        }

        It 'gives the same answers from a model that streams' {
            $small = Import-StreamModel $DemoModel -Name small -DeviceBudget 6MB
            try {
                $results = $Tasks | Invoke-StreamInference $small -Prompt { $_.log } -Temperature 0
                $results.Text | Should -Be $Tasks.expected
                $results[0].BytesStreamed | Should -BeGreaterThan 0
                $results[0].StreamRate | Should -BeGreaterThan 0
            } finally {
                Remove-StreamModel $small
            }
        }

        It 'writes each answer as soon as it is next' {
            $seen = 0
            $first = 1..500 | ForEach-Object { $script:seen++; $Tasks[0].log } | Invoke-StreamInference $model -Temperature 0 -BatchSize 2 | Select-Object -First 1
            $first.Text | Should -BeExactly $Tasks[0].expected
            $seen | Should -BeLessThan 10
        }

        It 'answers all 200 tasks' {
            if (-not (Test-Path $Shared)) { Set-ItResult -Skipped -Because "the shared fixtures are not present at $Shared" }
            $results = Get-Content $Shared/tasks/logtriage-200.jsonl | ConvertFrom-Json | Invoke-StreamInference -Model $model -Prompt { $_.log } -Temperature 0 -MaxTokens 110
            $results.Count | Should -Be 200
            $results.Where{ $_.Text -cne $_.InputObject.expected }.Count | Should -Be 0
        }
    }

    Context '-Stream' {
        It 'shows the text as it is made, before the result' {
            $all = @(Invoke-StreamInference @greedy -Prompt $Tasks[0].log -Stream 6>&1)
            $text = $all[0..($all.Count - 2)]
            $text.Count | Should -BeGreaterThan 2
            $text | ForEach-Object { $_.Tags | Should -Contain 'NvStream' }
            -join $text.MessageData.Message | Should -BeExactly $Tasks[0].expected
            $all[-1].Text | Should -BeExactly $Tasks[0].expected
        }

        It 'does not mix the texts of answers that grow together' {
            $all = $Tasks + $Tasks | Invoke-StreamInference @greedy -Prompt { $_.log } -Stream 6>&1
            $text = -join $all.Where{ $_ -is [Management.Automation.InformationRecord] }.ForEach{ $_.MessageData.NoNewLine ? $_.MessageData.Message : "`n" }
            $text.TrimEnd("`n").Split("`n") | Should -Be (($Tasks + $Tasks).expected)
        }

        It 'prints it on the host without -InformationAction' {
            $text = pwsh -NoProfile -Command "Import-Module '$Manifest'; `$null = Invoke-StreamInference '$DemoModel' '$($Tasks[0].log)' -Temperature 0 -Stream"
            $text | Should -Be $Tasks[0].expected
        }
    }

    Context 'errors' {
        It '<id> for <what>' -ForEach @(
            @{ what = 'a name that none has'; id = 'ModelNotFound'; script = { Invoke-StreamInference none x } }
            @{ what = 'a path without a file'; id = 'GgufNotFound'; script = { Invoke-StreamInference ./none.gguf x } }
            @{ what = 'something that is no model'; id = 'ModelNotFound'; script = { Invoke-StreamInference (Get-Date) x } }
            @{ what = 'a bad file'; id = 'GgufTruncated'; script = { Invoke-StreamInference (New-BadModel $TestDrive/short.gguf -Length 1000000) x } }
            @{ what = 'an empty prompt'; id = 'PromptEmpty'; script = { Invoke-StreamInference $model '' } }
            @{ what = 'no prompt'; id = 'PromptEmpty'; script = { Invoke-StreamInference $model } }
            @{ what = 'a prompt longer than the context'; id = 'ContextLengthExceeded'; script = { Invoke-StreamInference $model ('word ' * 2000) } }
            @{ what = 'a system message for a raw prompt'; id = 'ArgumentInvalid'; script = { Invoke-StreamInference $model x -Raw -System y } }
            @{ what = 'MaxTokens 0'; id = 'ParameterArgumentValidationError'; script = { Invoke-StreamInference $model x -MaxTokens 0 } }
            @{ what = 'a negative temperature'; id = 'ParameterArgumentValidationError'; script = { Invoke-StreamInference $model x -Temperature -1 } }
            @{ what = 'TopP above 1'; id = 'ParameterArgumentValidationError'; script = { Invoke-StreamInference $model x -TopP 1.5 } }
            @{ what = 'a draft model that is not there'; id = 'GgufNotFound'; script = { Invoke-StreamInference $model x -DraftModel ./none.gguf } }
            @{ what = 'a draft model''s name that none has'; id = 'ModelNotFound'; script = { Invoke-StreamInference $model x -DraftModel none } }
            @{ what = 'a draft model that is none'; id = 'ModelNotFound'; script = { Invoke-StreamInference $model x -DraftModel (Get-Date) } }
            @{ what = 'a way to speculate that is none'; id = 'CannotConvertArgumentNoMessage'; script = { Invoke-StreamInference $model x -Speculate Guess } }
            @{ what = 'BatchSize below 0'; id = 'ParameterArgumentValidationError'; script = { Invoke-StreamInference $model x -BatchSize -1 } }
        ) {
            Get-ErrorId $script | Should -Be $id
        }

        It 'ModelDisposed for a model that was released' {
            $gone = Import-StreamModel $DemoModel -Name gone
            $gone.Dispose()
            { Invoke-StreamInference $gone x } | Should -Throw -ErrorId 'ModelDisposed*'
        }

        It 'ModelNotFound, with the candidates, when the model is left out and two are loaded' {
            $null = Import-StreamModel $DemoModel -Name other
            try {
                { Invoke-StreamInference -Prompt x } | Should -Throw -ErrorId 'ModelNotFound*' -ExpectedMessage '*logtriage-q4_k_m*other*'
            } finally {
                Remove-StreamModel other
            }
        }

        It 'answers the others when one prompt of many is too long' {
            $results = $Tasks[0].log, ('word ' * 2000), $Tasks[1].log | Invoke-StreamInference @greedy -ErrorAction SilentlyContinue -ErrorVariable problems
            $results.Text | Should -Be $Tasks.expected
            $problems[0].FullyQualifiedErrorId | Should -BeLike 'ContextLengthExceeded,*'
            $problems[0].CategoryInfo.Category | Should -Be 'LimitsExceeded'
            $problems[0].ErrorDetails.RecommendedAction | Should -Match 'ContextLength'
        }
    }

    Context 'defaults' {
        AfterEach { Get-ChildItem env:NVSTREAM__* | Remove-Item }

        It 'come from the environment, and a parameter wins' {
            $env:NVSTREAM__Inference__MaxTokens = '3'
            $env:NVSTREAM__Inference__Temperature = '0'
            (Invoke-StreamInference $model $Tasks[0].log).TokenCount | Should -Be 3
            (Invoke-StreamInference $model $Tasks[0].log -MaxTokens 4).TokenCount | Should -Be 4
        }

        It 'that are no good name the variable and the key' {
            $env:NVSTREAM__Inference__TopP = '7'
            { Invoke-StreamInference $model x } | Should -Throw -ErrorId 'ConfigurationInvalid*' -ExpectedMessage '*Inference:TopP*7*NVSTREAM__Inference__TopP*'
        }
    }

    Context 'completion' {
        It 'completes a loaded model''s name' {
            $line = 'Invoke-StreamInference log'
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain 'logtriage-q4_k_m'
            $line = 'Invoke-StreamInference x -DraftModel log'
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain 'logtriage-q4_k_m'
            $line = 'Invoke-StreamInference x -Speculate '
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Sort-Object | Should -Be 'Auto', 'Draft', 'Lookup', 'None'
        }
    }

    Context 'Ctrl+C' {
        It 'returns within a second, and the model is free for the next' {
            $watch = [Diagnostics.Stopwatch]::StartNew()
            $stop = Measure-Stop "1..100000 | ForEach-Object { `"`$_ $($Tasks[0].log)`" } | Invoke-StreamInference '$($model.Name)' -MaxTokens 400" { param($shell, $output) $output.Count -gt 0 }
            $stop.WasRunning | Should -BeTrue
            $stop.Elapsed.TotalSeconds | Should -BeLessThan 4
            $stop.State | Should -Be 'Stopped'
            $stop.Output.FinishReason | Should -Not -Contain 'Cancelled'
            (Invoke-StreamInference @greedy -Prompt $Tasks[0].log).Text | Should -BeExactly $Tasks[0].expected
        }

        It 'releases a model that it had imported' {
            $bytes = Get-LiveBytes
            $files = @(Get-OpenModelFile).Count
            $stop = Measure-Stop "1..100000 | ForEach-Object { `"`$_ $($Tasks[0].log)`" } | Invoke-StreamInference '$DemoModel' -MaxTokens 400" { param($shell, $output) $output.Count -gt 0 }
            $stop.WasRunning | Should -BeTrue
            $stop.Elapsed.TotalSeconds | Should -BeLessThan 4
            Get-LiveBytes | Should -Be $bytes
            @(Get-OpenModelFile).Count | Should -Be $files
        }

        It 'stops live text too' {
            $stop = Measure-Stop "1..100000 | ForEach-Object { `"`$_ $($Tasks[0].log)`" } | Invoke-StreamInference '$($model.Name)' -MaxTokens 400 -Stream" { param($shell, $output) $shell.Streams.Information.Count -gt 0 }
            $stop.WasRunning | Should -BeTrue
            $stop.Elapsed.TotalSeconds | Should -BeLessThan 4
        }
    }
}
