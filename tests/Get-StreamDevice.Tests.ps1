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
    ) {
        (Get-StreamDevice)[-1].PSObject.Properties.Name | Should -Contain $_
    }

    It 'says in Verbose what was looked for' {
        "$(Get-StreamDevice -Verbose 4>&1 | Where-Object { $_ -is [Management.Automation.VerboseRecord] })" | Should -Match 'CUDA'
    }

    It 'prints sizes for people' {
        Get-StreamDevice | Out-String -Width 120 | Should -Match 'Cpu .*\d+\.\d GB'
    }
}
