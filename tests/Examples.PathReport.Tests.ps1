BeforeAll {
    . "$PSScriptRoot/TestModule.ps1"
    Import-Module $Repository/examples/PathReport.psm1
    $rows = @(Measure-NvmePath $DemoModel -Device Cpu -Size 4MB -BlockSize 64KB, 1MB -QueueDepth 1, 4 -Repeat 2 -WarningAction Ignore)
    $html = $rows | ConvertTo-PathReport -Title 'Drives & <devices>'
    $page = [xml]($html -replace '^<!DOCTYPE html>')
}
AfterAll { Remove-Module PathReport, NvStream -ErrorAction Ignore }

Describe 'examples/PathReport.psm1' {
    It 'makes one well-formed page with a bar for every row' {
        $html | Should -BeOfType [string]
        $page.html.head.title | Should -Be 'Drives & <devices>'
        $page.SelectNodes('//rect').Count | Should -Be $rows.Count
        foreach ($row in $rows) {
            $rate = [NvStream.Commands.Human]::ByteRate($row.Throughput)
            $page.SelectNodes('//text').InnerText -like "$rate, p99 *" | Should -Not -BeNullOrEmpty
        }
    }

    It 'draws all bars to one scale' {
        $widths = $page.SelectNodes('//rect').ForEach{ [double]$_.width }
        $best = ($rows | Measure-Object Throughput -Maximum).Maximum
        $widths | Sort-Object | Select-Object -Last 1 | Should -Be 420
        for ($i = 0; $i -lt $rows.Count; $i++) {
            $near = 420 * $rows[$i].Throughput / $best
            $widths.Where{ [Math]::Abs($_ - $near) -le 0.051 }.Count | Should -BeGreaterThan 0
        }
    }

    It 'groups by route and says what lies between' {
        $expected = ($rows | Group-Object Route, Device, CacheState).Count
        $page.SelectNodes('//h3').Count | Should -Be $expected
        $page.SelectNodes('//td').InnerText | Should -Contain $rows[0].Environment.Kernel
        $html | Should -Match ([regex]::Escape([Security.SecurityElement]::Escape($rows[0].RouteReason)))
    }

    It 'loads nothing from elsewhere and runs no script' {
        $page.SelectNodes('//script | //link | //img | //iframe').Count | Should -Be 0
        $html | Should -Not -Match '\b(href|src|url)\b|https?:|@import'
    }
}
