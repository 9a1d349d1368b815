<#
.SYNOPSIS
    Is this machine ready to stream models? Thresholds lie in readiness.json beside this file, or where
    $env:NVSTREAM_READINESS or the parameter Config say. Paths in it are relative to its folder; sizes are bytes or
    texts with a unit; a threshold that is left out is not checked; AllowedMissing takes wildcards.
.EXAMPLE
    Invoke-Pester ./examples/Readiness.Tests.ps1
.EXAMPLE
    Invoke-Pester -Configuration @{ Run = @{ Path = './examples/Readiness.Tests.ps1' }; TestResult = @{ Enabled = $true; OutputFormat = 'NUnitXml'; OutputPath = 'readiness.xml' } }

    For CI: writes what passed, failed and was skipped as NUnit XML. NUnit3 instead of NUnitXml also holds the reasons for skipping.
.EXAMPLE
    Invoke-Pester -Container (New-PesterContainer -Path ./examples/Readiness.Tests.ps1 -Data @{ Config = './fleet.json' })
#>
#Requires -Version 7.6
param([string] $Config = $env:NVSTREAM_READINESS)

BeforeAll {
    Import-Module $PSScriptRoot/../NvStream.psd1
    $file = Get-Item -LiteralPath ($Config ? $Config : "$PSScriptRoot/readiness.json")
    $limits = Get-Content -Raw -LiteralPath $file | ConvertFrom-Json
    $fromConfig = { param($name) $limits.$name ? [IO.Path]::GetFullPath($limits.$name, $file.DirectoryName) : $null }

    # One measurement, which all tests share.
    $path = & $fromConfig Path
    $request = @{ LiteralPath = $path; ErrorVariable = 'problems'; ErrorAction = 'SilentlyContinue'; WarningAction = 'SilentlyContinue' }
    foreach ($name in 'Device', 'Size', 'BlockSize', 'QueueDepth', 'Repeat', 'DeviceBudget', 'HostBudget') {
        if ($limits.$name) { $request[$name] = $limits.$name }
    }
    if ($limits.Model) { $request.Model = & $fromConfig Model }
    $rows = @(Measure-NvmePath @request)
    # What the page cache already held says nothing about a drive.
    $read = $rows.Where{ $_.CacheState -ne 'Warm' }
    $best = $read | Sort-Object Throughput -Descending | Select-Object -First 1
    $devices = @(Get-StreamDevice)
    $gpu = $devices.Where({ $_.Kind -eq 'Cuda' -and $best.Device -in "Cuda:$($_.Index)", 'Cpu' }, 'First')[0]
    $device = $best.Device -like 'Cuda*' ? $gpu : $devices[-1]

    function Get-Bytes($Size) { [double](0 + $Size) }
    function Format-Rate($Rate) { [NvStream.Commands.Human]::ByteRate($Rate) }
    function Format-Size($Size) { [NvStream.Commands.Human]::Bytes($Size) }
    function Skip-Without($Thing, [string] $Reason) { if (-not $Thing) { Set-ItResult -Skipped -Because $Reason } }
}

Describe 'Readiness' {
    It 'can be measured' {
        $rows.Count | Should -BeGreaterThan 0 -Because "no route from '$path' could be measured: $($problems.ForEach{ "$_ $($_.ErrorDetails.RecommendedAction)" })"
    }

    Context 'the path' {
        It 'delivers every byte as the file holds it' {
            Skip-Without $best 'the path could not be measured'
            $bad = $rows.Where{ -not $_.IsVerified }
            $bad.Count | Should -Be 0 -Because "$($bad.Route | Sort-Object -Unique) gave other bytes to $($best.Device) than '$path' holds. Do not use the drive or the machine before its memory, cables and links have been checked (SMART log, dmesg, ECC counters)"
        }

        It 'is read fast enough' {
            Skip-Without $limits.MinReadRate 'MinReadRate is not given'
            Skip-Without $best 'the path could not be measured'
            $best.Throughput | Should -BeGreaterOrEqual (Get-Bytes $limits.MinReadRate) -Because "the fastest way from '$path' to $($best.Device), route $($best.Route), reads $(Format-Rate $best.Throughput), and $(Format-Rate (Get-Bytes $limits.MinReadRate)) are needed. Put the models on a faster drive, or look for what slows this one: other load, a shared link, an encrypted or network file system (Measure-NvmePath '$path' | Format-List says what lies between)"
        }

        It 'has a drive with enough PCIe lanes' {
            Skip-Without $limits.MinDriveLinkWidth 'MinDriveLinkWidth is not given'
            Skip-Without $best 'the path could not be measured'
            $drives = $best.Environment.Drives.Where{ $_.Link.Width }
            Skip-Without $drives "'$path' lies on no drive whose PCIe link can be seen"
            foreach ($drive in $drives) {
                $drive.Link.Width | Should -BeGreaterOrEqual $limits.MinDriveLinkWidth -Because "$($drive.Name) runs with $($drive.Link.Width) lanes of the $($drive.Link.MaxWidth) that drive and slot can do, and $($limits.MinDriveLinkWidth) are needed. Reseat it, move it to a slot with more lanes, or set the slot's bifurcation in the firmware"
            }
        }

        It 'has all that the fastest routes need' {
            Skip-Without $best 'the path could not be measured'
            $missing = $best.Environment.MissingConditions.Where{ $condition = $_; -not $limits.AllowedMissing.Where{ $condition.Name -like $_ } }
            $missing.Count | Should -Be 0 -Because "these conditions are missing: $($missing.ForEach{ [NvStream.Commands.EnvironmentText]::Missing($_) } -join ' ')  Where one need not be met, add its name to AllowedMissing"
        }
    }

    Context 'the device' {
        It 'has enough free memory' {
            Skip-Without $limits.MinFreeMemory 'MinFreeMemory is not given'
            Skip-Without $device 'the path could not be measured'
            $device.FreeMemory | Should -BeGreaterOrEqual (Get-Bytes $limits.MinFreeMemory) -Because "$($device.Name) has $(Format-Size $device.FreeMemory) of $(Format-Size $device.Memory) free, and $(Format-Size (Get-Bytes $limits.MinFreeMemory)) are needed. End what else uses it (nvidia-smi lists a GPU's processes), or plan with a smaller -DeviceBudget"
        }

        It 'is a GPU with enough PCIe lanes' {
            Skip-Without $limits.MinGpuLinkWidth 'MinGpuLinkWidth is not given'
            Skip-Without $gpu 'there is no GPU that can be used'
            Skip-Without $gpu.PcieWidth "the link of $($gpu.Name) cannot be seen"
            $gpu.PcieWidth | Should -BeGreaterOrEqual $limits.MinGpuLinkWidth -Because "$($gpu.Name) runs with $($gpu.PcieWidth) lanes, and $($limits.MinGpuLinkWidth) are needed. Reseat it, or move it to a slot with more lanes"
        }

        It 'is a GPU with a driver new enough' {
            Skip-Without $limits.MinDriverVersion 'MinDriverVersion is not given'
            Skip-Without $gpu 'there is no GPU that can be used'
            [version]$gpu.DriverVersion | Should -BeGreaterOrEqual ([version]$limits.MinDriverVersion) -Because "driver $($gpu.DriverVersion) is installed, and $($limits.MinDriverVersion) is needed. Install a newer driver and restart"
        }
    }

    Context 'the model' {
        It 'is predicted to be fast enough' {
            Skip-Without $limits.MinTokenRate 'MinTokenRate is not given'
            Skip-Without $limits.Model 'Model is not given'
            Skip-Without $best 'the path could not be measured'
            $fast = $read | Sort-Object PredictedTokenRate -Descending | Select-Object -First 1
            $remedy = @{
                Nvme    = 'the drive is the limit: use a faster one or more device or host memory (-DeviceBudget, -HostBudget), so that less is read'
                Pcie    = 'the way to the GPU is the limit: use a link with more lanes, or more device memory, so that less is copied'
                Vram    = "the device's memory is the limit: use a smaller quantization or a device with faster memory"
                Compute = 'the device computes no faster: use a faster one, or a smaller model'
            }["$($fast.BindingTerm)"]
            $fast.PredictedTokenRate | Should -BeGreaterOrEqual $limits.MinTokenRate -Because "$($limits.Model) would make $($fast.PredictedTokenRate.ToString('0.0')) tokens a second by route $($fast.Route), and $($limits.MinTokenRate) are needed; $remedy. Prompts that share a pass (Invoke-StreamInference -BatchSize) raise what all make together"
        }
    }
}
