BeforeAll {
    . "$PSScriptRoot/TestModule.ps1"

    # Small and short; the CPU device, so that the routes are the same on every machine. Scratch files go to a real disk.
    $quick = @{ Device = 'Cpu'; Size = 4MB; BlockSize = 1MB; QueueDepth = 4; Repeat = 1; WarningAction = 'SilentlyContinue' }
    $disk = Join-Path $Repository "artifacts/measure-$PID"
    $null = New-Item -ItemType Directory -Force $disk
    $data = "$disk/data.bin"
    [IO.File]::WriteAllBytes($data, [Security.Cryptography.RandomNumberGenerator]::GetBytes(4MB + 12345))

    # What a measurement might leave: files of a name, and of none.
    function Get-Leftover {
        @(Get-ChildItem -LiteralPath $disk -Force | Where-Object Name -NE data.bin)
        if ($IsLinux) { Get-ChildItem /proc/self/fd | Where-Object LinkTarget -Like "$disk/*" }
    }
}
AfterAll {
    Remove-Item -Recurse -Force $disk
    Remove-Module NvStream -ErrorAction Ignore
}

Describe 'Measure-NvmePath' {
    Context 'a file' {
        It 'gives rows of real types, verified' {
            $rows = @(Measure-NvmePath $data @quick)
            $rows.Count | Should -BeGreaterThan 0
            foreach ($row in $rows) {
                $row.PSTypeNames[0] | Should -Be 'NvStream.Measurement.NvmeMeasurement'
                $row.Path | Should -Be $data
                $row.Route | Should -BeIn 'HostDirect', 'Mapped'
                $row.RouteReason | Should -Not -BeNullOrEmpty
                $row.Device | Should -Be 'Cpu'
                $row.BlockSize | Should -Be 1MB
                $row.QueueDepth | Should -Be 4
                $row.Throughput | Should -BeOfType [double]
                $row.Throughput | Should -BeGreaterThan 0
                $row.StandardDeviation | Should -BeGreaterOrEqual 0
                $row.Samples.Count | Should -Be 1
                $row.LatencyP50 | Should -BeOfType [timespan]
                $row.LatencyP99 | Should -BeGreaterOrEqual $row.LatencyP50
                $row.CpuPercent | Should -BeGreaterOrEqual 0
                $row.IsVerified | Should -BeTrue
                $row.CacheState | Should -BeIn 'Direct', 'Cold', 'Warm'
                $row.PredictedTokenRate | Should -BeNullOrEmpty
                $row.BindingTerm | Should -BeNullOrEmpty
                $row.Environment.Kernel | Should -Not -BeNullOrEmpty
            }
        }

        It 'gives a row a route, block size and queue depth' {
            $rows = Measure-NvmePath $data @quick -Route Mapped -BlockSize 64KB, '1MiB' -QueueDepth 1, 4
            $ways = $rows | ForEach-Object { "$($_.BlockSize) x $($_.QueueDepth)" } | Sort-Object -Unique
            $ways | Should -Be '1048576 x 1', '1048576 x 4', '65536 x 1', '65536 x 4'
            $rows.Route | Sort-Object -Unique | Should -Be 'Mapped'
        }

        It 'takes as many samples as asked for, and gives their median' {
            $row = Measure-NvmePath $data @quick -Route Mapped -Repeat 5 | Select-Object -First 1
            $row.Samples.Count | Should -Be 5
            $row.Throughput | Should -Be ($row.Samples | Sort-Object)[2]
        }

        It 'leaves the file as it was' {
            $hash, $time = (Get-FileHash $data).Hash, (Get-Item $data).LastWriteTimeUtc
            $null = Measure-NvmePath $data @quick
            (Get-FileHash $data).Hash | Should -Be $hash
            (Get-Item $data).LastWriteTimeUtc | Should -Be $time
        }
    }

    Context 'a folder' {
        It 'makes a scratch file and removes it' {
            $rows = @(Measure-NvmePath $disk @quick)
            $rows.Count | Should -BeGreaterThan 0
            $rows[0].Path | Should -Be $disk
            $rows.IsVerified | Should -Not -Contain $false
            Get-Leftover | Should -BeNullOrEmpty
        }

        It 'removes it when the pipeline has enough' {
            @(Measure-NvmePath $disk @quick -BlockSize 64KB, 1MB -QueueDepth 1, 2, 4 | Select-Object -First 1).Count | Should -Be 1
            Get-Leftover | Should -BeNullOrEmpty
        }

        It 'asks first' {
            $text = pwsh -NoProfile -NonInteractive -Command "Import-Module '$Manifest'; Measure-NvmePath '$disk' -Size 4MB -Confirm" 2>&1 | Out-String
            $text | Should -Match 'non-?interactive'
            Get-Leftover | Should -BeNullOrEmpty
        }

        It 'says ScratchFileFailed when the disk has not that much' {
            $rows = Measure-NvmePath $disk @quick -Size 1PB -ErrorAction SilentlyContinue -ErrorVariable problem
            $rows | Should -BeNullOrEmpty
            $problem[0].FullyQualifiedErrorId | Should -BeLike 'ScratchFileFailed,*'
            $problem[0].CategoryInfo.Category | Should -Be 'WriteError'
            $problem[0].TargetObject | Should -Be $disk
            $problem[0].ErrorDetails.RecommendedAction | Should -Match '-Size'
            Get-Leftover | Should -BeNullOrEmpty
        }
    }

    Context '-WhatIf' {
        It 'says what would be made, measures nothing and leaves nothing' {
            $text = pwsh -NoProfile -Command "Import-Module '$Manifest'; Measure-NvmePath '$disk' -Size 64MB -Device Cpu -WhatIf" | Out-String
            $text | Should -Match 'What if: Create a scratch file of 64\.0 MB in'
            $text | Should -Not -Match 'HostDirect|Mapped'
            Get-Leftover | Should -BeNullOrEmpty
        }

        It 'measures no file either' {
            Measure-NvmePath $data @quick -WhatIf | Should -BeNullOrEmpty
            & { $WhatIfPreference = $true; Measure-NvmePath $data @quick } | Should -BeNullOrEmpty
        }
    }

    Context 'paths' {
        It 'takes files and folders from the pipeline: strings, items, objects with a Path' {
            $only = $quick + @{ Route = 'Mapped' }
            ($data, $disk | Measure-NvmePath @only).Path | Sort-Object -Unique | Should -Be $disk, $data
            (Get-Item $data | Measure-NvmePath @only).Path | Sort-Object -Unique | Should -Be $data
            ([pscustomobject]@{ Path = $data } | Measure-NvmePath @only).Path | Sort-Object -Unique | Should -Be $data
        }

        It 'takes names that look like patterns, and patterns' {
            $null = New-Item -ItemType Directory "$TestDrive/odd"
            Copy-Item $data "$TestDrive/odd/c[1].bin"
            Copy-Item $data "$TestDrive/odd/d.bin"
            $only = $quick + @{ Route = 'Mapped' }
            @(Measure-NvmePath -LiteralPath "$TestDrive/odd/c[1].bin" @only)[0].Path | Should -BeLike '*c`[1`].bin'
            @(Get-Item -LiteralPath "$TestDrive/odd/c[1].bin" | Measure-NvmePath @only)[0].Path | Should -BeLike '*c`[1`].bin'
            (Measure-NvmePath $TestDrive/odd/*.bin @only).Path | Split-Path -Leaf | Sort-Object -Unique | Should -Be 'c[1].bin', 'd.bin'
        }

        It 'takes a model for its file' {
            $model = Import-StreamModel $DemoModel -Name piped
            try {
                ($model | Measure-NvmePath @quick -Route Mapped).Path | Sort-Object -Unique | Should -Be $model.Path
                @(Measure-NvmePath $model @quick -Route Mapped)[0].PredictedTokenRate | Should -BeNullOrEmpty
            } finally {
                Remove-StreamModel piped
            }
        }

        It 'measures the others when one of many is not there' {
            $rows = "$disk/none.bin", $data | Measure-NvmePath @quick -Route Mapped -ErrorAction SilentlyContinue -ErrorVariable problems
            $rows.Path | Sort-Object -Unique | Should -Be $data
            $problems.Count | Should -Be 1
            $problems[0].FullyQualifiedErrorId | Should -BeLike 'PathNotFound,*'
            $problems[0].TargetObject | Should -Be "$disk/none.bin"
        }
    }

    Context 'routes' {
        It 'names those that cannot be had in a warning each, with reason and remedy' {
            $rows = Measure-NvmePath $data @quick -WarningVariable warnings
            'GpuDirect', 'CuFileCompat', 'HostStaged' | ForEach-Object {
                $_ | Should -Not -BeIn $rows.Route
                @($warnings) -match "^Route $_ cannot be had: .+\. .+" | Should -HaveCount 1
            }
        }

        It 'makes an error of one that was named, and measures the others' {
            $rows = Measure-NvmePath $data @quick -Route GpuDirect, Mapped -ErrorAction SilentlyContinue -ErrorVariable problems -WarningVariable warnings
            $rows.Route | Sort-Object -Unique | Should -Be 'Mapped'
            $problems.Count | Should -Be 1
            $problems[0].FullyQualifiedErrorId | Should -BeLike 'RouteUnavailable,*'
            $problems[0].CategoryInfo.Category | Should -Be 'ResourceUnavailable'
            $problems[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
            $warnings | Should -BeNullOrEmpty
        }

        It 'takes Auto for all of them' {
            $all = (Measure-NvmePath $data @quick).Route | Sort-Object -Unique
            (Measure-NvmePath $data @quick -Route Auto).Route | Sort-Object -Unique | Should -Be $all
        }
    }

    Context '-Model' {
        BeforeAll { $predict = $quick + @{ LiteralPath = $data; Route = 'Mapped' } }
        AfterEach { Get-StreamModel | Remove-StreamModel }

        It 'adds predictions for a file and the budget given, without loading it' {
            $bytes = Get-LiveBytes
            foreach ($row in Measure-NvmePath @predict -Model $DemoModel -DeviceBudget 6MB) {
                $row.PredictedTokenRate | Should -BeOfType [double]
                $row.PredictedTokenRate | Should -BeGreaterThan 0
                $row.PredictedBatchTokenRate | Should -BeGreaterOrEqual $row.PredictedTokenRate
                $row.BindingTerm | Should -BeIn 'Nvme', 'Pcie', 'Vram', 'Compute'
                $row.BatchBindingTerm | Should -BeIn 'Nvme', 'Pcie', 'Vram', 'Compute'
                $row.PSTypeNames | Should -Contain 'NvStream.Measurement.NvmeMeasurement'
            }
            Get-StreamModel | Should -BeNullOrEmpty
            Get-LiveBytes | Should -Be $bytes
        }

        It 'takes an item, a loaded model and its name, and plans as it is loaded or for the budget given' {
            @(Measure-NvmePath @predict -Model (Get-Item $DemoModel))[0].PredictedTokenRate | Should -BeGreaterThan 0
            $model = Import-StreamModel $DemoModel -Name small -DeviceBudget 6MB
            $streams = Measure-NvmePath @predict -Model $model -Verbose 4>&1
            "$streams" | Should -Match 'small: \d.* of 6\.0 MB device memory: '
            @($streams)[-1].PredictedTokenRate | Should -BeGreaterThan 0
            $whole = "$(Measure-NvmePath @predict -Model SMALL -DeviceBudget 100MB -Verbose 4>&1)"
            $whole | Should -Match 'small: \d.* of 100\.0 MB device memory: .*every pass: nothing moves'
        }

        It 'warns of a budget without a model' {
            $null = Measure-NvmePath @predict -DeviceBudget 6MB -WarningVariable warnings
            "$warnings" | Should -Match '-Model'
        }
    }

    Context 'errors' {
        It '<id> for <what>' -ForEach @(
            @{ what = 'nothing of that name'; id = 'PathNotFound'; script = { Measure-NvmePath $disk/none } }
            @{ what = 'nothing of that literal name'; id = 'PathNotFound'; script = { Measure-NvmePath -LiteralPath $disk/none } }
            @{ what = 'a pattern that matches nothing'; id = 'PathNotFound'; script = { Measure-NvmePath $disk/none* } }
            @{ what = 'another provider'; id = 'PathNotFound'; script = { Measure-NvmePath env:PATH } }
            @{ what = 'another drive'; id = 'PathNotFound'; script = { Measure-NvmePath nodrive:/x } }
            @{ what = 'a block size that is no multiple of 4KB'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -BlockSize 5000 } }
            @{ what = 'a block size above 64MB'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -BlockSize 1MB, 65MB } }
            @{ what = 'a block size of nothing'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -BlockSize 0 } }
            @{ what = 'a block size that is none'; id = 'ParameterArgumentTransformationError'; script = { Measure-NvmePath $data -BlockSize big } }
            @{ what = 'a share where a size is wanted'; id = 'ParameterArgumentTransformationError'; script = { Measure-NvmePath $data -Size 80% } }
            @{ what = 'a queue depth above 128'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -QueueDepth 1, 129 } }
            @{ what = 'a queue depth of 0'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -QueueDepth 0 } }
            @{ what = 'Repeat 0'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -Repeat 0 } }
            @{ what = 'a size below a page'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -Size 100 } }
            @{ what = 'a device that is none'; id = 'ParameterArgumentValidationError'; script = { Measure-NvmePath $data -Device Toaster } }
            @{ what = 'a GPU that is not there'; id = 'CudaUnavailable'; script = { Measure-NvmePath $data -Device Cuda:99 } }
            @{ what = 'a model that is not loaded'; id = 'ModelNotFound'; script = { Measure-NvmePath $data @quick -Model none } }
            @{ what = 'a model file that is not there'; id = 'GgufNotFound'; script = { Measure-NvmePath $data @quick -Model ./none.gguf } }
            @{ what = 'a bad model file'; id = 'GgufTruncated'; script = { Measure-NvmePath $data @quick -Model (New-BadModel $TestDrive/short.gguf -Length 1000000) } }
            @{ what = 'something that is no model'; id = 'ModelNotFound'; script = { Measure-NvmePath $data @quick -Model (Get-Date) } }
            @{ what = 'a budget below the least'; id = 'DeviceBudgetTooSmall'; script = { Measure-NvmePath $data @quick -Model $DemoModel -DeviceBudget 1MB } }
        ) {
            Get-ErrorId $script | Should -Be $id
        }

        It 'PathUnreadable for an empty file' {
            $null = New-Item $TestDrive/empty.bin
            $null = Measure-NvmePath $TestDrive/empty.bin @quick -ErrorAction SilentlyContinue -ErrorVariable problem
            $problem[0].FullyQualifiedErrorId | Should -BeLike 'PathUnreadable,*'
            $problem[0].CategoryInfo.Category | Should -Be 'ReadError'
            $problem[0].ErrorDetails.RecommendedAction | Should -Not -BeNullOrEmpty
        }

        It 'a warning when a file is too small for every block' {
            [IO.File]::WriteAllBytes("$TestDrive/small.bin", [byte[]]::new(10000))
            Measure-NvmePath $TestDrive/small.bin -Device Cpu -Route Mapped -WarningVariable warnings -WarningAction SilentlyContinue | Should -BeNullOrEmpty
            "$warnings" | Should -Match 'Nothing could be measured'
            "$(Measure-NvmePath $TestDrive/small.bin -Device Cpu -Route Mapped -WarningAction Ignore -Verbose 4>&1)" | Should -Match 'only \d+ bytes'
        }
    }

    Context 'views' {
        BeforeAll { $rows = @(Measure-NvmePath $data @quick -Route Mapped) }

        It 'prints a table within 80 columns' {
            $text = $rows | Out-String -Width 80
            $text | Should -Match 'Route +Block +Depth +Throughput +\+- +P50 +P99 +CPU % +Verified +Cache'
            $text | Should -Match 'Mapped +1 MB +4 +\d+\.\d [KMG]B/s +\d+% +\d.*s +\d.*s +\d+ True +(Cold|Warm)'
        }

        It 'prints predictions where there are any' {
            $text = Measure-NvmePath $data @quick -Route Mapped -Model $DemoModel | Out-String -Width 80
            $text | Should -Match 'Throughput +\+- +Predicted +Limit +Batch of 8 +Limit'
            $text | Should -Match '\d+\.\d t/s +(Nvme|Pcie|Vram|Compute) +\d+\.\d t/s +(Nvme|Pcie|Vram|Compute)'
        }

        It 'prints everything as a list, the environment to be read' {
            $text = $rows[0] | Format-List | Out-String -Width 200
            foreach ($name in 'RouteReason', 'Samples', 'LatencyP99', 'CacheState', 'IsVerified') { $text | Should -Match "(?m)^$name +: \S" }
            $text | Should -Match "Environment +: \S"
            $text | Should -Match ([regex]::Escape($rows[0].Environment.Kernel))
            $text | Should -Not -Match 'PredictedTokenRate'
        }

        It 'shows each row as it comes' {
            $times = Measure-NvmePath $data @quick -Route Mapped -BlockSize 64KB, 1MB -QueueDepth 1, 2, 4 | Out-String -Stream |
                Where-Object { $_ -like 'Mapped*' } | ForEach-Object { [datetime]::UtcNow }
            $times.Count | Should -BeGreaterOrEqual 6
            ($times | Sort-Object -Unique).Count | Should -BeGreaterThan 3
            ($times[-1] - $times[0]).TotalMilliseconds | Should -BeGreaterThan 50
        }
    }

    Context 'streams' {
        It 'shows progress with rate and time left, at most five times a second, and ends it' {
            $shell = [powershell]::Create()
            try {
                $watch = [Diagnostics.Stopwatch]::StartNew()
                $null = $shell.AddScript("Import-Module '$Manifest'; Measure-NvmePath '$disk' -Device Cpu -Size 64MB -BlockSize 1MB, 4MB -QueueDepth 1, 8 -Repeat 2 -WarningAction Ignore").Invoke()
                $records = $shell.Streams.Progress.Where{ $_.Activity -like 'Measuring*' }
                $records.Count | Should -BeGreaterThan 1
                $records.Count | Should -BeLessOrEqual (5 * $watch.Elapsed.TotalSeconds + 2)
                $records[-2].StatusDescription | Should -Match '\d+(\.\d+)? [KMG]?B of .*/s$'
                $records.SecondsRemaining | Where-Object { $_ -ge 0 } | Should -Not -BeNullOrEmpty
                $records[-1].RecordType | Should -Be 'Completed'
            } finally {
                $shell.Dispose()
            }
        }
    }

    Context 'completion' {
        It 'completes <line> with <expected>' -ForEach @(
            @{ line = 'Measure-NvmePath x -Route Ho'; expected = 'HostDirect' }
            @{ line = 'Measure-NvmePath x -Route Mapped, Gpu'; expected = 'GpuDirect' }
            @{ line = 'Measure-NvmePath x -Device C'; expected = 'Cpu' }
            @{ line = 'Measure-NvmePath x -DeviceBudget 9'; expected = '90%' }
        ) {
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain $expected
        }

        It 'completes a loaded model''s name' {
            $null = Import-StreamModel $DemoModel -Name loaded
            $line = 'Measure-NvmePath x -Model l'
            (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain 'loaded'
            Remove-StreamModel loaded
        }
    }

    Context 'Ctrl+C' {
        It 'ends <what> within a second and leaves no scratch file' -ForEach @(
            @{ what = 'the writing of the scratch file'; begun = { param($shell) $shell.Streams.Progress.Count -gt 0 } }
            @{ what = 'the measuring of the device'; begun = { param($shell) $shell.Streams.Progress.Count -gt 0 }; more = "-Model '$PSScriptRoot/../examples/models/logtriage-q4_k_m.gguf'" }
            @{ what = 'the measuring of the path'; begun = { param($shell, $output) $output.Count -gt 0 } }
        ) {
            $bytes = Get-LiveBytes
            $stop = Measure-Stop "Measure-NvmePath '$disk' -Device Cpu -Size 256MB -BlockSize 64KB, 256KB, 1MB, 4MB, 16MB -QueueDepth 1, 2, 4, 8, 16 -Repeat 1 -WarningAction Ignore $more" $begun -DelayMilliseconds 50
            $stop.WasRunning | Should -BeTrue
            $stop.Elapsed.TotalSeconds | Should -BeLessThan 4
            $stop.State | Should -Be 'Stopped'
            # What was in flight may end a moment after the pipeline has.
            $limit = [datetime]::UtcNow.AddSeconds(5)
            while (((Get-Leftover) -or (Get-LiveBytes) -ne $bytes) -and [datetime]::UtcNow -lt $limit) { Start-Sleep -Milliseconds 50 }
            Get-Leftover | Should -BeNullOrEmpty
            Get-LiveBytes | Should -Be $bytes
        }

        It 'leaves none when the whole process is killed' -Skip:(-not $IsLinux) {
            $run = Start-Process pwsh -PassThru -ArgumentList '-NoProfile', '-Command', "`"Import-Module '$Manifest'; Measure-NvmePath '$disk' -Device Cpu -Size 256MB -QueueDepth 1, 2, 3, 4, 5, 6, 7, 8 -Repeat 1 -WarningAction Ignore`"" -RedirectStandardOutput "$TestDrive/killed.txt"
            $limit = [datetime]::UtcNow.AddSeconds(30)
            while (-not (Get-Content "$TestDrive/killed.txt" -ErrorAction Ignore) -and [datetime]::UtcNow -lt $limit) { Start-Sleep -Milliseconds 50 }
            $run.HasExited | Should -BeFalse
            $run.Kill()
            $run.WaitForExit()
            Get-ChildItem -LiteralPath $disk -Force | Where-Object Name -NE data.bin | Should -BeNullOrEmpty
        }
    }
}
