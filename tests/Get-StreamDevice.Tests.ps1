BeforeAll { . "$PSScriptRoot/TestModule.ps1" }
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'Get-StreamDevice' {
    It 'lists the CPU, last, whatever drivers there are' {
        $cpu = (Get-StreamDevice)[-1]
        $cpu.PSTypeNames[0] | Should -Be 'NvStream.Compute.DeviceInfo'
        $cpu.Kind | Should -Be 'Cpu'
        $cpu.Name | Should -Not -BeNullOrEmpty
        $cpu.Cores | Should -BeGreaterThan 0
        $cpu.VectorWidth | Should -BeIn 128, 256, 512
        $cpu.Memory | Should -BeOfType [long]
        $cpu.Memory | Should -BeGreaterThan $cpu.FreeMemory
        $cpu.FreeMemory | Should -BeGreaterThan 0
        $cpu.GpuDirect | Should -BeFalse
    }

    It 'has a property <_>' -ForEach @(
        'Name', 'Kind', 'Index', 'ComputeCapability', 'Memory', 'FreeMemory', 'CubinTarget', 'PcieGeneration', 'PcieWidth'
        'DriverVersion', 'CuFileVersion', 'GpuDirect', 'GpuDirectReason', 'Cores', 'VectorWidth'
        'PciAddress', 'MaxPcieGeneration', 'MaxPcieWidth', 'NumaNode', 'Bar1Memory', 'MissingConditions'
    ) {
        (Get-StreamDevice)[-1].PSObject.Properties.Name | Should -Contain $_
    }

    It 'has nothing to say of slots and direct paths for the CPU' {
        $cpu = (Get-StreamDevice)[-1]
        $cpu.PciAddress | Should -BeNullOrEmpty
        $cpu.Bar1Memory | Should -BeNullOrEmpty
        @($cpu.MissingConditions).Count | Should -Be 0
        $cpu | Format-List | Out-String | Should -Not -Match 'PcieWidth|MissingConditions'
    }

    It 'tells of each GPU where it is, how wide its link is, and whether storage reaches it directly' {
        $gpus = @(Get-StreamDevice | Where-Object Kind -EQ Cuda)
        if (-not $gpus) { Set-ItResult -Skipped -Because 'this machine has no usable GPU' }
        foreach ($gpu in $gpus) {
            $gpu.PciAddress | Should -Match '^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.0$'
            $gpu.PcieWidth | Should -BeGreaterThan 0
            $gpu.MaxPcieWidth | Should -BeGreaterOrEqual $gpu.PcieWidth
            $gpu.MaxPcieGeneration | Should -BeGreaterOrEqual $gpu.PcieGeneration
            $gpu.Bar1Memory | Should -BeOfType [long]
            $gpu.GpuDirectReason | Should -Not -BeNullOrEmpty
            if (-not $gpu.GpuDirect) { @($gpu.MissingConditions).Count | Should -BeGreaterThan 0 }
            foreach ($condition in $gpu.MissingConditions) {
                $condition.Name, $condition.Found, $condition.Needed, $condition.Remedy | Should -Not -Contain ''
            }
            $gpu | Format-List | Out-String | Should -Match 'MaxPcieWidth'
        }
    }

    It 'says in Verbose what was looked for' {
        "$(Get-StreamDevice -Verbose 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] })" | Should -Match 'CUDA'
    }

    It 'prints sizes for people' {
        Get-StreamDevice | Out-String -Width 120 | Should -Match 'Cpu .*\d+\.\d GB'
    }
}
