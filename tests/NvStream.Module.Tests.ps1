BeforeAll {
    . "$PSScriptRoot/TestModule.ps1"
    $cmdlets = 'Get-StreamDevice', 'Get-StreamModel', 'Import-StreamModel', 'Invoke-StreamInference', 'Measure-NvmePath', 'Remove-StreamModel'

    function Invoke-Fresh([string]$Script) { pwsh -NoProfile -NonInteractive -Command "`$ErrorActionPreference = 'Stop'; $Script" }
}
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'The NvStream module' {
    Context 'manifest' {
        BeforeAll { $manifestData = Import-PowerShellDataFile $Manifest }

        It 'is valid and complete' {
            $tested = Test-ModuleManifest $Manifest
            $tested.Guid | Should -Not -Be ([guid]::Empty)
            $tested.PowerShellVersion | Should -Be '7.6'
            $tested.CompatiblePSEditions | Should -Be 'Core'
            $tested.Tags.Count | Should -BeGreaterThan 3
            $tested.LicenseUri | Should -Not -BeNullOrEmpty
            $tested.ProjectUri | Should -Not -BeNullOrEmpty
            $tested.Description | Should -Not -BeNullOrEmpty
        }

        It 'names what it exports' {
            $manifestData.CmdletsToExport | Sort-Object | Should -Be $cmdlets
            $manifestData.FunctionsToExport.Count + $manifestData.AliasesToExport.Count + $manifestData.VariablesToExport.Count | Should -Be 0
            (Get-Command -Module NvStream).Name | Sort-Object | Should -Be $cmdlets
        }

        It 'exports every cmdlet that the assembly has' {
            $assembly = (Get-Command Import-StreamModel).ImplementingType.Assembly
            $inAssembly = $assembly.GetExportedTypes().ForEach{ $_.GetCustomAttributes([Management.Automation.CmdletAttribute], $false) }.ForEach{ "$($_.VerbName)-$($_.NounName)" }
            $inAssembly | Sort-Object | Should -Be $cmdlets
        }

        It 'uses approved verbs' {
            (Get-Command -Module NvStream).Verb | ForEach-Object { (Get-Verb $_) | Should -Not -BeNullOrEmpty }
        }
    }

    Context 'cmdlets' {
        It '<_> has an output type or writes nothing' -ForEach 'Get-StreamDevice', 'Get-StreamModel', 'Import-StreamModel', 'Invoke-StreamInference', 'Measure-NvmePath' {
            (Get-Command $_).OutputType.Count | Should -BeGreaterThan 0
        }

        It 'take pipeline input in every parameter set that has parameters' {
            $common = [Management.Automation.Cmdlet]::CommonParameters + [Management.Automation.Cmdlet]::OptionalCommonParameters
            foreach ($command in Get-Command -Module NvStream) {
                foreach ($set in $command.ParameterSets) {
                    $own = $set.Parameters.Where{ $_.Name -notin $common }
                    if ($own) { $own.Where{ $_.ValueFromPipeline -or $_.ValueFromPipelineByPropertyName }.Count | Should -BeGreaterThan 0 -Because "$command $($set.Name)" }
                }
            }
        }

        It 'say what each parameter means' {
            $common = [Management.Automation.Cmdlet]::CommonParameters + [Management.Automation.Cmdlet]::OptionalCommonParameters + 'InputObject'
            foreach ($command in Get-Command -Module NvStream) {
                foreach ($parameter in $command.Parameters.Values.Where{ $_.Name -notin $common }) {
                    $parameter.ParameterSets.Values.HelpMessage | Should -Not -BeNullOrEmpty -Because "$command -$($parameter.Name)"
                }
            }
        }

        It 'support -WhatIf and -Confirm where they change something' {
            'Import-StreamModel', 'Measure-NvmePath', 'Remove-StreamModel' | ForEach-Object { (Get-Command $_).Parameters.Keys | Should -Contain 'WhatIf' }
        }
    }

    Context 'help' {
        It 'has an about topic' {
            $text = Invoke-Fresh "Import-Module '$Manifest'; Get-Help about_NvStream" | Out-String
            $text | Should -Match 'nvstream\.json'
            $text | Should -Match 'NVSTREAM__'
        }

        It '<_> has a synopsis, examples and every parameter' -ForEach 'Get-StreamDevice', 'Get-StreamModel', 'Import-StreamModel', 'Invoke-StreamInference', 'Measure-NvmePath', 'Remove-StreamModel' {
            $help = Get-Help $_ -Full
            $help.Synopsis.Trim() | Should -Not -BeLike "$_*"
            @($help.examples.example).Count | Should -BeGreaterThan 0
            $common = [Management.Automation.Cmdlet]::CommonParameters + [Management.Automation.Cmdlet]::OptionalCommonParameters + 'InputObject'
            $own = (Get-Command $_).Parameters.Keys.Where{ $_ -notin $common } | Sort-Object
            $help.parameters.parameter.name.Where{ $_ -notin $common } | Sort-Object | Should -Be $own
        }
    }

    Context 'import' {
        It 'takes less than 300 ms in a fresh session and loads no engine' {
            $script = "`$w = [Diagnostics.Stopwatch]::StartNew(); Import-Module '$Manifest'; `$w.Stop()
                `"`$(`$w.ElapsedMilliseconds) `$([AppDomain]::CurrentDomain.GetAssemblies().Where{ `$_.GetName().Name -like 'NvStream.Engine' -or `$_.GetName().Name -like 'Microsoft.Extensions.Configuration*' }.Count)`""
            # The best of three: the first may find the files cold.
            $runs = 1..3 | ForEach-Object { , (Invoke-Fresh $script).Split(' ') }
            ($runs.ForEach{ [int]$_[0] } | Measure-Object -Minimum).Minimum | Should -BeLessThan 300
            $runs.ForEach{ $_[1] } | Should -Be '0', '0', '0'
        }

        It 'works again after removal in the same session, with the same types' {
            $script = "
                Import-Module '$Manifest'; `$a = Import-StreamModel '$DemoModel'
                Remove-Module NvStream
                if (-not `$a.IsDisposed) { throw 'not disposed' }
                if (Get-Command Import-StreamModel -ErrorAction Ignore) { throw 'still there' }
                Import-Module '$Manifest'; `$b = Import-StreamModel '$DemoModel'
                if (`$a.GetType() -ne `$b.GetType()) { throw 'two types' }
                (Invoke-StreamInference `$b '$($Tasks[0].log)' -Temperature 0).Text"
            Invoke-Fresh $script | Should -Be $Tasks[0].expected
        }

        It 'releases everything on removal' {
            $null = Import-StreamModel $DemoModel -Name a
            $null = Import-StreamModel $DemoModel -Name b -DeviceBudget 6MB
            Remove-Module NvStream
            Get-LiveBytes | Should -Be 0
            Get-OpenModelFile | Should -BeNullOrEmpty
            Import-Module $Manifest
            Get-StreamModel | Should -BeNullOrEmpty
        }

        It 'needs no look at the folder it is in' {
            Push-Location $TestDrive
            try { Invoke-Fresh "Import-Module '$Manifest'; (Get-StreamDevice)[-1].Kind" | Should -Be 'Cpu' } finally { Pop-Location }
        }
    }

    Context 'isolation' {
        It 'keeps the engine and its packages out of the default load context' {
            $null = Import-StreamModel $DemoModel -Name isolated
            Remove-StreamModel isolated
            $default = [Runtime.Loader.AssemblyLoadContext]::Default.Assemblies.ForEach{ $_.GetName().Name }
            $default | Should -Contain 'NvStream'
            $default | Should -Not -Contain 'NvStream.Engine'
            $default -like 'Microsoft.Extensions.Configuration*' | Should -BeNullOrEmpty
        }

        It 'is not harmed by another module''s older Microsoft.Extensions' {
            # A stand-in of the same name and an older version, loaded first where the engine's would otherwise be looked for.
            $old = "$TestDrive/Microsoft.Extensions.Configuration.dll"
            $builder = [Reflection.Emit.PersistedAssemblyBuilder]::new('Microsoft.Extensions.Configuration, Version=2.0.0.0', [object].Assembly)
            $null = $builder.DefineDynamicModule('Main').DefineType('Microsoft.Extensions.Configuration.ConfigurationBuilder', 'Public').CreateType()
            $builder.Save($old)
            $script = "
                Add-Type -Path '$old'
                Import-Module '$Manifest'
                (Invoke-StreamInference '$DemoModel' '$($Tasks[0].log)' -Temperature 0).Text
                [AppDomain]::CurrentDomain.GetAssemblies().Where{ `$_.GetName().Name -eq 'Microsoft.Extensions.Configuration' }.ForEach{ `$_.GetName().Version.Major } | Sort-Object"
            $answer = Invoke-Fresh $script
            $answer[0] | Should -Be $Tasks[0].expected
            $answer[1] | Should -Be 2
            [int]$answer[2] | Should -BeGreaterThan 2
        }

        It 'answers no assembly request but its own' {
            [Type]::GetType('System.CommandLine.Command, System.CommandLine') | Should -BeNullOrEmpty
            [Type]::GetType('Microsoft.Extensions.Configuration.ConfigurationBuilder, Microsoft.Extensions.Configuration') | Should -BeNullOrEmpty
        }
    }

    Context 'examples' {
        It '<_.Name> runs, in at most 20 lines' -ForEach (Get-ChildItem "$PSScriptRoot/../examples/*.ps1") {
            (Get-Content $_).Count | Should -BeLessOrEqual 20
            $arguments = (Get-Command $_).Parameters.ContainsKey('OutputFolder') ? @('-OutputFolder', "$TestDrive/out") : @()
            $text = pwsh -NoProfile -NonInteractive -File $_ @arguments 2>&1 | Out-String
            $LASTEXITCODE | Should -Be 0 -Because $text
            $text | Should -Match '\S'
            $text | Should -Not -Match 'Exception|Error'
        }
    }
}
