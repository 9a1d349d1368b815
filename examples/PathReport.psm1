# Measurements as one HTML page: bars as inline SVG, no script, nothing loaded from elsewhere, light and dark.
$style = @'
:root { color-scheme: light dark; --bar: #2f6fde; --quiet: #767676; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } text { font: 12px system-ui, sans-serif; fill: currentColor; }
.bar { fill: var(--bar); } .spread { stroke: currentColor; } .quiet { color: var(--quiet); fill: var(--quiet); }
table { border-collapse: collapse; } td, th { text-align: left; vertical-align: top; padding: .15rem 1.2rem .15rem 0; }
'@

function Protect([string] $Text) { [Security.SecurityElement]::Escape($Text) }
function Number([double] $Value) { $Value.ToString('0.#', [cultureinfo]::InvariantCulture) }

# A bar a row, all of one scale; the line at its end is the standard deviation.
function Get-Bar($Rows, [double] $Best) {
    $height = 24 * $Rows.Count
    "<svg viewBox='0 0 860 $height' role='img'>"
    for ($i = 0; $i -lt $Rows.Count; $i++) {
        $row, $y = $Rows[$i], (24 * $i)
        $width, $spread = ($row.Throughput, $row.StandardDeviation).ForEach{ 420 * $_ / $Best }
        $from, $to = ($width - $spread), ($width + $spread)
        $says = "$([NvStream.Commands.Human]::ByteRate($row.Throughput)), p99 $([NvStream.Commands.Human]::Latency($row.LatencyP99)), CPU $(Number $row.CpuPercent) %"
        if (-not $row.IsVerified) { $says += ', NOT VERIFIED' }
        if ($null -ne $row.PredictedTokenRate) { $says += ", $([NvStream.Commands.Human]::TokenRate($row.PredictedTokenRate)) ($($row.BindingTerm))" }
        "<g><title>$(Protect ($row.Samples.ForEach{ [NvStream.Commands.Human]::ByteRate($_) } -join ', '))</title>"
        "<text x='0' y='$($y + 16)'>$([NvStream.Commands.Human]::BlockSize($row.BlockSize)) &#215; $($row.QueueDepth)</text>"
        "<rect class='bar' x='90' y='$($y + 4)' width='$(Number $width)' height='16' rx='2'/>"
        "<line class='spread' x1='$(Number (90 + [Math]::Max(0, $from)))' x2='$(Number (90 + $to))' y1='$($y + 12)' y2='$($y + 12)'/>"
        "<text x='$(Number (98 + $to))' y='$($y + 16)'>$(Protect $says)</text></g>"
    }
    '</svg>'
}

function Get-EnvironmentTable($Environment) {
    $facts = [ordered]@{
        'Storage'         = [NvStream.Commands.EnvironmentText]::Storage($Environment)
        'File system'     = [NvStream.Commands.EnvironmentText]::FileSystem($Environment)
        'Kernel'          = $Environment.Kernel
        'GPU'             = $Environment.Gpu ? [NvStream.Commands.EnvironmentText]::Gpu($Environment) : 'none'
        'io_uring'        = [NvStream.Commands.EnvironmentText]::IoUring($Environment)
        'Lockable memory' = [NvStream.Commands.EnvironmentText]::MemlockLimit($Environment)
    }
    foreach ($missing in $Environment.MissingConditions) { $facts["Missing: $($missing.Name)"] = "Found $($missing.Found), needed $($missing.Needed). $($missing.Remedy)" }
    '<table>'
    foreach ($fact in $facts.GetEnumerator()) { "<tr><th>$(Protect $fact.Key)</th><td>$(Protect $fact.Value)</td></tr>" }
    '</table>'
}

function ConvertTo-PathReport {
    <#
    .SYNOPSIS
        One HTML page from the rows of Measure-NvmePath.
    #>
    param([Parameter(Mandatory, ValueFromPipeline)] $Measurement, [string] $Title = 'From NVMe to the device')
    begin { $rows = [Collections.Generic.List[object]]::new() }
    process { $rows.Add($Measurement) }
    end {
        $best = ($rows | Measure-Object Throughput -Maximum).Maximum
        $body = foreach ($path in $rows | Group-Object Path) {
            "<h2>$(Protect $path.Name)</h2>"
            Get-EnvironmentTable $path.Group[0].Environment
            foreach ($route in $path.Group | Group-Object Route, Device, CacheState) {
                $first = $route.Group[0]
                "<h3>$($first.Route) to $(Protect $first.Device) <span class='quiet'>($($first.CacheState))</span></h3>"
                "<p class='quiet'>$(Protect $first.RouteReason)</p>"
                Get-Bar $route.Group $best
            }
        }
        $when = "$([Environment]::MachineName), $([datetime]::UtcNow.ToString('u'))"
        $page = @(
            '<!DOCTYPE html>'
            "<html lang='en'><head><meta charset='utf-8'/><title>$(Protect $Title)</title><style>$style</style></head><body>"
            "<h1>$(Protect $Title)</h1>"
            "<p class='quiet'>$(Protect $when). Block size &#215; reads in flight; medians, the line shows the standard deviation.</p>"
            $body
            '</body></html>'
        )
        $page -join "`n"
    }
}

Export-ModuleMember ConvertTo-PathReport
