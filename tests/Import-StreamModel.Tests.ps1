BeforeAll { . "$PSScriptRoot/TestModule.ps1" }
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'Import-StreamModel' {
    AfterEach { Get-StreamModel | Remove-StreamModel }

    Context 'a good file' {
        It 'writes a model with real types' {
            $model = Import-StreamModel $DemoModel
            $model.PSTypeNames[0] | Should -Be 'NvStream.Inference.StreamModel'
            $model.Name | Should -Be 'logtriage-q4_k_m'
            $model.Path | Should -Be (Get-Item $DemoModel).FullName
            $model.Architecture | Should -Be 'llama'
            $model.Quantization | Should -Be 'Q4_K_M'
            $model.Size | Should -BeOfType [long]
            $model.Size | Should -Be (Get-Item $DemoModel).Length
            $model.ParameterCount | Should -BeGreaterThan 7e6
            $model.LayerCount | Should -Be 8
            $model.ContextLength | Should -Be 512
            $model.VocabularySize | Should -Be 1536
            $model.LoadTime | Should -BeOfType [timespan]
            $model.RouteReason | Should -Not -BeNullOrEmpty
            $model.Metadata['general.architecture'] | Should -Be 'llama'
            $model.IsDisposed | Should -BeFalse
        }

        It 'streams what a budget smaller than the model leaves out' {
            $model = Import-StreamModel $DemoModel -DeviceBudget 6MB
            $model.ResidentLayerCount + $model.HostLayerCount + $model.StreamedLayerCount | Should -Be $model.LayerCount
            $model.StreamedLayerCount | Should -BeGreaterThan 0
            $model.BytesPerPass | Should -BeGreaterThan 0
            $model.Plan.TotalBytes | Should -Not -BeGreaterThan 6MB
        }

        It 'takes <value> as a size' -ForEach @(
            @{ value = 24GB; bytes = 24GB }, @{ value = '24GiB'; bytes = 24GB }, @{ value = '1.5 GB'; bytes = 1.5GB }
            @{ value = 1.5GB; bytes = 1.5GB }, @{ value = 6291456; bytes = 6MB }, @{ value = '6291456'; bytes = 6MB }
        ) {
            $plan = (Import-StreamModel $DemoModel -DeviceBudget $value).Plan
            $plan.DeviceBudget | Should -Be $bytes
        }

        It 'takes a share of what is free, and Auto' {
            $some = (Import-StreamModel $DemoModel -VramBudget 50% -Name half).Plan.DeviceBudget
            $most = (Import-StreamModel $DemoModel -VramBudget Auto -Name auto).Plan.DeviceBudget
            $most / $some | Should -BeGreaterThan 1.5
            $most / $some | Should -BeLessThan 2.1
        }

        It 'obeys SlotCount, Route, ContextLength, Device and Name' {
            $model = Import-StreamModel $DemoModel -DeviceBudget 5MB -SlotCount 3 -Route Mapped -ContextLength 300 -Device cpu -Name 'my model'
            $model.Plan.SlotCount | Should -Be 3
            $model.Route | Should -Be 'Mapped'
            $model.ContextLength | Should -Be 300
            $model.Device | Should -Be 'Cpu'
            (Get-StreamModel 'my model').Name | Should -Be 'my model'
        }

        It 'says in Verbose what it decided and why' {
            $lines = Import-StreamModel $DemoModel -Verbose 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] }
            "$lines" | Should -Match 'resident layers'
            "$lines" | Should -Match 'route \w+: \w+'
        }

        It 'shows progress and ends it' {
            $shell = [powershell]::Create()
            $null = $shell.AddScript("Import-Module '$Manifest'; `$null = Import-StreamModel '$DemoModel' -Name progress; Remove-Module NvStream").Invoke()
            $records = $shell.Streams.Progress.Where{ $_.Activity -like 'Importing*' }
            $records.Count | Should -BeGreaterThan 1
            $records[0].StatusDescription | Should -Match '\d+(\.\d+)? [KMG]?B of .*/s$'
            $records[-1].RecordType | Should -Be 'Completed'
            $shell.Dispose()
        }

        It 'warns that the CPU device uses no HostBudget' {
            $null = Import-StreamModel $DemoModel -Device Cpu -HostBudget 1GB -WarningVariable warnings -WarningAction SilentlyContinue
            "$warnings" | Should -Match 'HostBudget is not used'
        }
    }

    Context 'paths' {
        It 'takes wildcards, and each file gets its own name' {
            Copy-Item $DemoModel $TestDrive/a.gguf
            Copy-Item $DemoModel $TestDrive/b.gguf
            (Import-StreamModel $TestDrive/*.gguf).Name | Should -Be 'a', 'b'
        }

        It 'takes files from the pipeline, also those whose names look like patterns' {
            Copy-Item $DemoModel "$TestDrive/c[1].gguf"
            (Get-Item -LiteralPath "$TestDrive/c[1].gguf" | Import-StreamModel).Name | Should -Be 'c[1]'
            (Import-StreamModel -LiteralPath "$TestDrive/c[1].gguf" -Name literal).Name | Should -Be 'literal'
            ($DemoModel | Import-StreamModel -Name piped).Name | Should -Be 'piped'
        }

        It 'takes objects with a Path property' {
            ([pscustomobject]@{ Path = $DemoModel; Name = 'not this' } | Import-StreamModel).Name | Should -Be 'logtriage-q4_k_m'
        }

        It 'resolves relative paths and drives' {
            Push-Location (Split-Path $DemoModel)
            try { (Import-StreamModel ./logtriage-q4_k_m.gguf).Name | Should -Be 'logtriage-q4_k_m' } finally { Pop-Location }
            Copy-Item $DemoModel TestDrive:/drive.gguf
            (Import-StreamModel TestDrive:/drive.gguf).Name | Should -Be 'drive'
        }

        It 'loads the others when one of many is bad' {
            $null = New-Item -ItemType Directory $TestDrive/many
            Copy-Item $DemoModel $TestDrive/many/x.gguf
            Copy-Item $DemoModel $TestDrive/many/z.gguf
            'not a model' | Set-Content $TestDrive/many/y.gguf
            $models = Import-StreamModel $TestDrive/many/*.gguf -ErrorAction SilentlyContinue -ErrorVariable problems
            $models.Name | Should -Be 'x', 'z'
            $problems.Count | Should -Be 1
            $problems[0].TargetObject | Should -BeLike '*y.gguf'
        }
    }

    Context 'errors' {
        It '<id> for <what>' -ForEach @(
            @{ what = 'a missing file'; id = 'GgufNotFound'; script = { Import-StreamModel $TestDrive/none.gguf } }
            @{ what = 'a missing literal file'; id = 'GgufNotFound'; script = { Import-StreamModel -LiteralPath $TestDrive/none.gguf } }
            @{ what = 'a pattern that matches nothing'; id = 'GgufNotFound'; script = { Import-StreamModel $TestDrive/none*.gguf } }
            @{ what = 'a folder'; id = 'GgufNotFound'; script = { Import-StreamModel $TestDrive } }
            @{ what = 'another provider'; id = 'GgufNotFound'; script = { Import-StreamModel env:PATH } }
            @{ what = 'another drive'; id = 'GgufNotFound'; script = { Import-StreamModel nodrive:/x.gguf } }
            @{ what = 'something else than a GGUF'; id = 'GgufInvalid'; script = { Import-StreamModel (New-BadModel $TestDrive/magic.gguf @{ 0 = 0x50, 0x4B, 3, 4 }) } }
            @{ what = 'a file cut short'; id = 'GgufTruncated'; script = { Import-StreamModel (New-BadModel $TestDrive/short.gguf -Length 1000000) } }
            @{ what = 'another version'; id = 'GgufVersionUnsupported'; script = { Import-StreamModel (New-BadModel $TestDrive/version.gguf @{ 4 = 99, 0, 0, 0 }) } }
            @{ what = 'a budget below the least'; id = 'DeviceBudgetTooSmall'; script = { Import-StreamModel $DemoModel -DeviceBudget 1MB } }
            @{ what = 'a route that cannot be had'; id = 'RouteUnavailable'; script = { Import-StreamModel $DemoModel -Device Cpu -Route GpuDirect } }
            @{ what = 'a GPU that is not there'; id = 'CudaUnavailable'; script = { Import-StreamModel $DemoModel -Device Cuda:99 } }
            @{ what = 'a context beyond the model''s'; id = 'ContextLengthExceeded'; script = { Import-StreamModel $DemoModel -ContextLength 100000 } }
            @{ what = 'a name in use'; id = 'ModelNameInUse'; script = { $null = Import-StreamModel $DemoModel -Name same; Import-StreamModel $DemoModel -Name SAME } }
            @{ what = 'one name for two files'; id = 'ModelNameInUse'; script = { Import-StreamModel $DemoModel, $DemoModel -Name one } }
            @{ what = 'a draft model that is not there'; id = 'GgufNotFound'; script = { Import-StreamModel $DemoModel -DraftModel $TestDrive/none.gguf } }
            @{ what = 'a pattern for a draft model'; id = 'GgufNotFound'; script = { Import-StreamModel $DemoModel -DraftModel $TestDrive/*.gguf } }
            @{ what = 'a default draft model that is not there'; id = 'GgufNotFound'; script = { $env:NVSTREAM__Import__DraftModel = 'none.gguf'; try { Import-StreamModel $DemoModel } finally { Remove-Item env:NVSTREAM__Import__DraftModel } } }
            @{ what = 'a size that is none'; id = 'ParameterArgumentTransformationError'; script = { Import-StreamModel $DemoModel -DeviceBudget plenty } }
            @{ what = 'one slot'; id = 'ParameterArgumentValidationError'; script = { Import-StreamModel $DemoModel -SlotCount 1 } }
            @{ what = 'a device that is none'; id = 'ParameterArgumentValidationError'; script = { Import-StreamModel $DemoModel -Device Toaster } }
        ) {
            Get-ErrorId $script | Should -Be $id
        }

        It 'says what to do, and what would do' {
            $null = Import-StreamModel $DemoModel -DeviceBudget 1MB -ErrorVariable problem -ErrorAction SilentlyContinue
            $problem[0].ErrorDetails.RecommendedAction | Should -Match '-DeviceBudget (\d+)'
            $problem[0].CategoryInfo.Category | Should -Be 'LimitsExceeded'
            $problem[0].TargetObject | Should -Be $DemoModel
            $least = [long]($problem[0].ErrorDetails.RecommendedAction -replace '.*-DeviceBudget (\d+).*', '$1')
            (Import-StreamModel $DemoModel -DeviceBudget $least).Plan.TotalBytes | Should -Not -BeGreaterThan $least
        }

        It 'leaves nothing behind after an error' {
            $bytes = Get-LiveBytes
            $null = Import-StreamModel $DemoModel -Route GpuDirect -Device Cpu -ErrorAction SilentlyContinue
            Get-LiveBytes | Should -Be $bytes
            Get-OpenModelFile | Should -BeNullOrEmpty
            Get-StreamModel | Should -BeNullOrEmpty
        }
    }

    Context '-WhatIf' {
        It 'writes a row a layer and allocates nothing' {
            $null = Import-StreamModel $DemoModel -Name other
            $bytes = Get-LiveBytes
            $rows = Import-StreamModel $DemoModel -DeviceBudget 6MB -WhatIf
            $rows.Count | Should -Be 9
            $rows[0].PSTypeNames[0] | Should -Be 'NvStream.Streaming.LayerPlacement'
            $rows.Layer | Should -Contain 'blk.0'
            $rows[-1].Layer | Should -Be 'output'
            ($rows | Measure-Object Bytes -Sum).Sum | Should -BeGreaterThan 3MB
            ($rows | Group-Object Tier).Name | Should -Contain 'Storage'
            Get-LiveBytes | Should -Be $bytes
            Get-StreamModel logtriage* | Should -BeNullOrEmpty
        }

        It 'says what would be allocated, use by use, and what would move' {
            $text = pwsh -NoProfile -Command "Import-Module '$Manifest'; Import-StreamModel '$DemoModel' -DeviceBudget 6MB -WhatIf | Out-Null" | Out-String
            $text | Should -Match 'What if: .*allocating:'
            $text | Should -Match 'MB of 6\.0 MB device memory: .*\d resident layers, .*2 slots of the belt, .*KV cache of \d+ tokens, .*work space for chunks of \d+ rows'
            $text | Should -Match 'every pass: \d.* of \d layers from storage'
            $text | Should -Not -Match 'host memory|draft model'
        }

        It 'says so where nothing would move' {
            $text = pwsh -NoProfile -Command "Import-Module '$Manifest'; Import-StreamModel '$DemoModel' -DeviceBudget 1GB -WhatIf | Out-Null" | Out-String
            $text | Should -Match '9 resident layers'
            $text | Should -Match 'every pass: nothing moves'
            $text | Should -Not -Match 'slots'
        }

        It 'obeys $WhatIfPreference' {
            $rows = & { $WhatIfPreference = $true; Import-StreamModel $DemoModel }
            $rows.Count | Should -Be 9
        }

        It 'reports a bad file as importing it would' {
            Get-ErrorId { Import-StreamModel (New-BadModel $TestDrive/what.gguf -Length 1000000) -WhatIf } | Should -Be 'GgufTruncated'
        }
    }

    Context 'defaults' {
        AfterEach { Get-ChildItem env:NVSTREAM__* | Remove-Item }

        It 'come from the environment, and a parameter wins' {
            $env:NVSTREAM__Import__DeviceBudget = '6MB'
            (Import-StreamModel $DemoModel -Name given -DeviceBudget 7MB).Plan.DeviceBudget | Should -Be 7MB
            $lines = Import-StreamModel $DemoModel -Name default -Verbose 4>&1
            $lines.Where{ $_.Name -eq 'default' }[0].Plan.DeviceBudget | Should -Be 6MB
            "$lines" | Should -Match 'NVSTREAM__Import__DeviceBudget'
        }

        It 'come from nvstream.json in the user''s folder' {
            $null = New-Item -ItemType Directory $TestDrive/config/NvStream
            '{ "Import": { "SlotCount": 3, "DeviceBudget": "6MB" } }' | Set-Content $TestDrive/config/NvStream/nvstream.json
            $old = $env:XDG_CONFIG_HOME
            $env:XDG_CONFIG_HOME = "$TestDrive/config"
            try {
                $count = pwsh -NoProfile -Command "Import-Module '$Manifest'; (Import-StreamModel '$DemoModel').Plan.SlotCount"
            } finally {
                $env:XDG_CONFIG_HOME = $old
            }
            $count | Should -Be 3
        }

        It 'that are no good name the variable and the key' {
            $env:NVSTREAM__Import__SlotCount = 'many'
            { Import-StreamModel $DemoModel } | Should -Throw -ErrorId 'ConfigurationInvalid*' -ExpectedMessage '*Import:SlotCount*many*NVSTREAM__Import__SlotCount*'
        }
    }

    Context 'completion' {
        It 'completes <line> with <expected>' -ForEach @(
            @{ line = 'Import-StreamModel x -Device C'; expected = 'Cpu' }
            @{ line = 'Import-StreamModel x -Route Ho'; expected = 'HostDirect' }
            @{ line = 'Import-StreamModel x -DeviceBudget 9'; expected = '90%' }
            @{ line = 'Import-StreamModel x -DeviceBudget A'; expected = 'Auto' }
        ) {
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain $expected
        }
    }

    Context 'Ctrl+C' {
        It 'ends a long load within a second and frees what it had allocated' {
            $huge = New-HugeModel $TestDrive/huge.gguf
            $bytes = Get-LiveBytes
            $stop = Measure-Stop "Import-StreamModel '$huge' -ContextLength 512" { param($shell) $shell.Streams.Progress.Count -gt 0 } -DelayMilliseconds 0
            $stop.WasRunning | Should -BeTrue
            $stop.Elapsed.TotalSeconds | Should -BeLessThan 4
            $stop.State | Should -Be 'Stopped'
            $stop.Output | Should -BeNullOrEmpty
            Get-LiveBytes | Should -Be $bytes
            Get-OpenModelFile | Should -BeNullOrEmpty
            Get-StreamModel | Should -BeNullOrEmpty
        }

        It 'ends within a second at any moment' {
            $bytes = Get-LiveBytes
            foreach ($delay in 0, 7, 23, 61, 150, 333) {
                $stop = Measure-Stop "while (`$true) { Import-StreamModel '$DemoModel' -Name loop$delay -DeviceBudget 6MB | Remove-StreamModel }" -DelayMilliseconds $delay
                $stop.WasRunning | Should -BeTrue
                $stop.Elapsed.TotalSeconds | Should -BeLessThan 4
                # A stop between the two cmdlets leaves the model loaded, rightly.
                Get-StreamModel | Remove-StreamModel
                Get-LiveBytes | Should -Be $bytes
                Get-OpenModelFile | Should -BeNullOrEmpty
            }
        }
    }
}
