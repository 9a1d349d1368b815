BeforeAll { . "$PSScriptRoot/TestModule.ps1" }
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'Remove-StreamModel' {
    BeforeEach { $model = Import-StreamModel $DemoModel -Name demo -DeviceBudget 6MB }
    AfterEach { Get-StreamModel | Remove-StreamModel }

    It 'frees memory and files' {
        Get-LiveBytes | Should -BeGreaterThan 0
        Remove-StreamModel demo
        $model.IsDisposed | Should -BeTrue
        Get-LiveBytes | Should -Be 0
        Get-OpenModelFile | Should -BeNullOrEmpty
        Get-StreamModel | Should -BeNullOrEmpty
    }

    It 'takes a model by position, by pipeline, and names with wildcards' {
        $null = Import-StreamModel $DemoModel -Name demo2
        $third = Import-StreamModel $DemoModel -Name other
        Remove-StreamModel $third
        (Get-StreamModel).Name | Should -Be 'demo', 'demo2'
        Get-StreamModel demo2 | Remove-StreamModel
        (Get-StreamModel).Name | Should -Be 'demo'
        'dem*' | Remove-StreamModel
        Get-StreamModel | Should -BeNullOrEmpty
    }

    It 'removes nothing with -WhatIf' {
        Remove-StreamModel demo -WhatIf
        Get-StreamModel | Remove-StreamModel -WhatIf
        $model.IsDisposed | Should -BeFalse
    }

    It 'says ModelNotFound for a name, nothing for a pattern or a model that is gone' {
        Get-ErrorId { Remove-StreamModel none } | Should -Be 'ModelNotFound'
        Get-ErrorId { Remove-StreamModel none* } | Should -BeNullOrEmpty
        Remove-StreamModel $model
        Get-ErrorId { Remove-StreamModel $model } | Should -BeNullOrEmpty
    }

    It 'ends what runs on the model' {
        $log = $Tasks[0].log
        $job = Start-ThreadJob {
            Import-Module $using:Manifest
            1..200 | ForEach-Object { "$_ $using:log" } | Invoke-StreamInference $using:model -MaxTokens 200 -ErrorAction SilentlyContinue -ErrorVariable problems
            $problems
        }
        while (-not $job.Output.Count -and $job.State -in 'NotStarted', 'Running') { Start-Sleep -Milliseconds 20 }
        $watch = [Diagnostics.Stopwatch]::StartNew()
        Remove-StreamModel $model
        $watch.Elapsed.TotalSeconds | Should -BeLessThan 4
        $output = $job | Receive-Job -Wait -AutoRemoveJob -ErrorAction SilentlyContinue
        @($output -match 'has been released').Count | Should -BeGreaterThan 0
    }
}
