BeforeAll {
    . "$PSScriptRoot/TestModule.ps1"
    $null = 'first', 'second', 'odd name' | ForEach-Object { Import-StreamModel $DemoModel -Name $_ }
}
AfterAll { Remove-Module NvStream -ErrorAction Ignore }

Describe 'Get-StreamModel' {
    It 'lists what is loaded, in the order it came' {
        (Get-StreamModel).Name | Should -Be 'first', 'second', 'odd name'
    }

    It 'takes names and wildcards, by position, pipeline and property' {
        (Get-StreamModel SECOND).Name | Should -Be 'second'
        (Get-StreamModel *d*).Name | Should -Be 'second', 'odd name'
        ('first', 'odd*' | Get-StreamModel).Name | Should -Be 'first', 'odd name'
        ([pscustomobject]@{ Name = 'first' } | Get-StreamModel).Name | Should -Be 'first'
    }

    It 'says ModelNotFound for a name, with those that are loaded, and nothing for a pattern' {
        $found = Get-StreamModel third, first -ErrorVariable problem -ErrorAction SilentlyContinue
        $found.Name | Should -Be 'first'
        $problem[0].FullyQualifiedErrorId | Should -BeLike 'ModelNotFound,*'
        $problem[0].CategoryInfo.Category | Should -Be 'ObjectNotFound'
        "$problem" | Should -Match "'first', 'second'"
        Get-StreamModel third* | Should -BeNullOrEmpty
    }

    It 'forgets a model that was disposed' {
        (Import-StreamModel $DemoModel -Name gone).Dispose()
        (Get-StreamModel).Name | Should -Not -Contain 'gone'
    }

    It 'completes names, quoting what needs it' {
        $line = 'Get-StreamModel o'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be "'odd name'"
        $line = 'Get-StreamModel -Name f'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Be 'first'
    }

    It 'prints a table with a human size' {
        $text = Get-StreamModel first | Out-String -Width 120
        $text | Should -Match 'Name\s+Architecture\s+Quantization\s+Size\s+Layers\s+Resident\s+Streamed\s+Route\s+Device'
        $text | Should -Match 'first\s+llama\s+Q4_K_M\s+4\.2 MB\s+8'
    }

    It 'is the same in every runspace of the process' {
        $name = Start-ThreadJob { Import-Module $using:Manifest; (Get-StreamModel first).Name } | Receive-Job -Wait -AutoRemoveJob
        $name | Should -Be 'first'
        (Get-StreamModel first).IsDisposed | Should -BeFalse
    }
}
