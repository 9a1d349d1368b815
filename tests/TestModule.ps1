# Dot-sourced in BeforeAll: imports the staged module and says where test data lies.
$ErrorActionPreference = 'Stop'
$Repository = Split-Path $PSScriptRoot
$Manifest = $env:NVSTREAM_MODULE ? $env:NVSTREAM_MODULE : (Join-Path $Repository 'NvStream.psd1')
$DemoModel = Join-Path $Repository 'examples/models/logtriage-q4_k_m.gguf'
$Shared = Join-Path $Repository '../shared/fixtures'
Import-Module $Manifest -Force

# The demo model's prompts and answers; the whole set lies in the shared fixtures, which a clone may lack.
$Tasks = @(
    @{ log = '2027-09-28T18:12:11Z ci-60 df: filesystem /boot is 97% full'; expected = '{"time":"2027-09-28T18:12:11Z","host":"ci-60","source":"df","severity":"warning","category":"capacity","component":"/boot","action":"free disk space"}' }
    @{ log = '2024-08-10T04:05:34Z store-24 postgres: replica of billing lags by 645 seconds'; expected = '{"time":"2024-08-10T04:05:34Z","host":"store-24","source":"postgres","severity":"warning","category":"database","component":"billing","action":"check replication"}' }
).ForEach{ [pscustomobject]$_ }

# The first part of FullyQualifiedErrorId of everything that goes wrong in a block, terminating or not.
function Get-ErrorId([scriptblock]$Script) {
    try {
        & { $ErrorActionPreference = 'Continue'; & $Script } 2>&1 | Where-Object { $_ -is [Management.Automation.ErrorRecord] } |
            ForEach-Object { $_.FullyQualifiedErrorId.Split(',')[0] }
    } catch {
        $_.FullyQualifiedErrorId.Split(',')[0]
    }
}

# A copy of the demo model with some bytes changed: @{ offset = bytes }.
function New-BadModel([string]$Path, [hashtable]$Patch = @{}, [int]$Length = -1) {
    $bytes = [IO.File]::ReadAllBytes($DemoModel)
    foreach ($offset in $Patch.Keys) {
        [byte[]]$new = $Patch[$offset]
        [Array]::Copy($new, 0, $bytes, $offset, $new.Length)
    }
    if ($Length -ge 0) { [Array]::Resize([ref]$bytes, $Length) }
    [IO.File]::WriteAllBytes($Path, $bytes)
    $Path
}

# A type of the engine, which PowerShell's type literals do not reach: it lives in its own load context.
function Get-EngineType([string]$Name) {
    $find = { [Runtime.Loader.AssemblyLoadContext]::All.Where{ $_.Name -eq 'NvStream.Engine' }[0] }
    if (-not (& $find)) { $null = Get-StreamDevice }
    (& $find).Assemblies.Where{ $_.GetName().Name -eq 'NvStream.Engine' }[0].GetType($Name, $true)
}

# A model of about 2.5 GB that takes no space on disk: its weights are holes, read as zeros.
function New-HugeModel([string]$Path) {
    $donor = (Get-EngineType NvStream.Gguf.GgufFile)::Open($DemoModel)
    $model = [Activator]::CreateInstance((Get-EngineType NvStream.Gguf.SyntheticModel))
    $model.LayerCount = 80
    $model.Vocabulary = $donor.Metadata
    $options = [Activator]::CreateInstance((Get-EngineType NvStream.Gguf.GgufWriteOptions))
    $options.Sparse = $true
    $null = $model.Write($Path, $options)
    $donor.Dispose()
    $Path
}

# A small model of random weights and a vocabulary of its own.
function New-OtherModel([string]$Path) {
    $model = [Activator]::CreateInstance((Get-EngineType NvStream.Gguf.SyntheticModel))
    $model.EmbeddingLength, $model.FeedForwardLength, $model.HeadCount, $model.KeyValueHeadCount, $model.LayerCount, $model.VocabularySize = 256, 512, 4, 2, 2, 2000
    $null = $model.Write($Path, [Activator]::CreateInstance((Get-EngineType NvStream.Gguf.GgufWriteOptions)))
    $Path
}

# Bytes of device memory that are allocated now, by the engine's own count.
function Get-LiveBytes {
    (Get-EngineType NvStream.Compute.Cpu.CpuMemory).GetProperty('LiveBytes', [Reflection.BindingFlags]'Static,Public,NonPublic').GetValue($null)
}

# How many files this process has open that a model would: mapped or read.
function Get-OpenModelFile {
    if (-not $IsLinux) { return @() }
    @(Get-ChildItem /proc/self/fd | Where-Object LinkTarget -Like '*.gguf') + @([IO.File]::ReadAllLines('/proc/self/maps') -like '*.gguf')
}

# Runs a script in another runspace of this process, stops it once it has begun, and says how long the stop took.
# Where other processes hold the processors a stop can be late for no fault of its own: the best of three counts.
function Measure-Stop([string]$Script, [scriptblock]$HasBegun = { $true }, [int]$DelayMilliseconds = 300) {
    foreach ($attempt in 1..3) {
        $stop = Measure-OneStop $Script $HasBegun $DelayMilliseconds
        if ($stop.Elapsed.TotalSeconds -lt 1) { break }
    }
    $stop
}

function Measure-OneStop([string]$Script, [scriptblock]$HasBegun, [int]$DelayMilliseconds) {
    $shell = [powershell]::Create()
    try {
        $null = $shell.AddScript("Import-Module '$Manifest'").Invoke()
        $shell.Commands.Clear()
        $output = [Management.Automation.PSDataCollection[psobject]]::new()
        $run = $shell.AddScript($Script).BeginInvoke([Management.Automation.PSDataCollection[psobject]]::new(), $output)
        $limit = [datetime]::UtcNow.AddSeconds(30)
        while (-not (& $HasBegun $shell $output) -and -not $run.IsCompleted -and [datetime]::UtcNow -lt $limit) { Start-Sleep -Milliseconds 20 }
        Start-Sleep -Milliseconds $DelayMilliseconds
        $wasRunning = -not $run.IsCompleted
        $watch = [Diagnostics.Stopwatch]::StartNew()
        $shell.Stop()
        [pscustomobject]@{
            WasRunning = $wasRunning
            Elapsed    = $watch.Elapsed
            State      = $shell.InvocationStateInfo.State
            Reason     = $shell.InvocationStateInfo.Reason
            Output     = @($output)
        }
    } finally {
        $shell.Dispose()
    }
}
