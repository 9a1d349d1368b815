BeforeAll {
    . "$PSScriptRoot/TestModule.ps1"
    $suite = Join-Path $Repository 'examples/Readiness.Tests.ps1'
    $pester = (Get-Module Pester).Version
    $lenient = Get-Content -Raw $Repository/examples/readiness.json | ConvertFrom-Json -AsHashtable
    $lenient.Path = $DemoModel
    $lenient.Model = $DemoModel
    $lenient.Device = 'Cpu'

    # Runs the suite as an engineer would, in a PowerShell of its own: its NUnit XML, a test case by its name.
    function Invoke-Readiness([hashtable] $Limits, [switch] $ByParameter, [string] $Format = 'NUnitXml') {
        $config, $xml = "$TestDrive/limits.json", "$TestDrive/readiness.xml"
        Remove-Item $xml -ErrorAction Ignore
        if ($Limits) { $Limits | ConvertTo-Json | Set-Content $config }
        $run = $ByParameter ? "Container = New-PesterContainer -Path '$suite' -Data @{ Config = '$config' }" : "Path = '$suite'"
        $old = $env:NVSTREAM_READINESS
        $env:NVSTREAM_READINESS = $Limits -and -not $ByParameter ? $config : $null
        try {
            $text = pwsh -NoProfile -NonInteractive -Command "
                Import-Module Pester -RequiredVersion $pester
                Invoke-Pester -Configuration @{ Run = @{ $run; Exit = `$true }; Output = @{ Verbosity = 'Detailed'; RenderMode = 'Plaintext' }; TestResult = @{ Enabled = `$true; OutputFormat = '$Format'; OutputPath = '$xml' } }" 2>&1 | Out-String
        } finally {
            $env:NVSTREAM_READINESS = $old
        }
        $result = [xml](Get-Content -Raw $xml)
        $cases = @{}
        foreach ($case in $result.SelectNodes('//test-case')) { $cases[$case.description] = $case }
        [pscustomobject]@{ ExitCode = $LASTEXITCODE; Text = $text; Result = $result.'test-results'; Cases = $cases }
    }
}
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'examples/Readiness.Tests.ps1' {
    It 'passes with the thresholds that come with it, and writes NUnit XML' {
        $run = Invoke-Readiness
        $run.ExitCode | Should -Be 0 -Because $run.Text
        [int]$run.Result.total | Should -Be 9
        [int]$run.Result.failures | Should -Be 0
        $run.Cases['is read fast enough'].result | Should -Be 'Success'
        $run.Cases['is predicted to be fast enough'].result | Should -Be 'Success'
    }

    It 'fails by thresholds, and each failure says what was found, what is needed and what to do' {
        $strict = $lenient + @{}
        $strict.MinReadRate = '900TB'
        $strict.MinFreeMemory = '900TB'
        $strict.MinTokenRate = 1e9
        $run = Invoke-Readiness $strict
        $run.ExitCode | Should -Be 3
        [int]$run.Result.failures | Should -Be 3
        $run.Cases['is read fast enough'].failure.message | Should -Match 'reads [\d.]+ [KMG]B/s, and 900\.0 TB/s are needed\. Put the models on a faster drive'
        $run.Cases['has enough free memory'].failure.message | Should -Match 'of [\d.]+ GB free, and 900\.0 TB are needed\. End what else uses it'
        $run.Cases['is predicted to be fast enough'].failure.message | Should -Match 'would make [\d.]+ tokens a second by route \w+, and 1000000000 are needed; .*(limit|faster)'
        $run.Cases['delivers every byte as the file holds it'].result | Should -Be 'Success'
        if ((Get-StreamDevice).Kind -notcontains 'Cuda') {
            foreach ($name in 'is a GPU with enough PCIe lanes', 'is a GPU with a driver new enough') {
                $run.Cases[$name].result | Should -Be 'Ignored'
                $run.Text | Should -Match "$name is skipped, because there is no GPU"
            }
        }
    }

    It 'fails with the error and its remedy where nothing can be measured' {
        $nowhere = $lenient + @{}
        $nowhere.Path = './not-here'
        $nowhere.Remove('Model')
        $run = Invoke-Readiness $nowhere
        [int]$run.Result.failures | Should -Be 1
        $run.Cases['can be measured'].failure.message | Should -Match 'not-here.*is neither a file nor a folder.*Give the path'
        $run.Cases['is read fast enough'].result | Should -Be 'Ignored'
    }

    It 'takes its thresholds by parameter, and checks none that is left out' {
        $run = Invoke-Readiness @{ Path = $DemoModel; Device = 'Cpu'; Size = '4MB'; BlockSize = '1MB'; AllowedMissing = @('*') } -ByParameter
        $run.ExitCode | Should -Be 0 -Because $run.Text
        $run.Text | Should -Match 'is read fast enough is skipped, because MinReadRate is not given'
        $run.Cases['delivers every byte as the file holds it'].result | Should -Be 'Success'
    }
}
