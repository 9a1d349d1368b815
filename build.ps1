<#
.SYNOPSIS
    The project's tasks, over the same dotnet commands that work without this script.
.EXAMPLE
    ./build.ps1 -Task Build, Test
#>
#Requires -Version 7.4
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Bench', 'Kernels', 'Package')]
    [string[]] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
$root = $PSScriptRoot
$manifest = Join-Path $root 'NvStream.psd1'

function Build { dotnet build (Join-Path $root 'NvStream.sln') --configuration $Configuration }

function Test { dotnet test --solution (Join-Path $root 'NvStream.sln') --configuration $Configuration }

function Bench { dotnet run --project (Join-Path $root 'tests/Benchmarks') --configuration Release }

# Needs nvcc and nothing else of CUDA; what it builds is kept in the repository.
function Kernels { bash (Join-Path $root 'Engine/Compute/Cuda/Kernels/build.sh') }

# A module folder that can be copied into any PSModulePath, and the same as a package for a gallery.
function Package {
    $artifacts = Join-Path $root 'artifacts'
    $package = Join-Path $artifacts 'NvStream'
    dotnet build (Join-Path $root 'Module') --configuration $Configuration
    Remove-Item $package -Recurse -Force -ErrorAction Ignore
    $null = New-Item -ItemType Directory "$package/Module"
    Copy-Item "$root/NvStream.psd1", "$root/LICENSE" $package
    'README.md', 'CHANGELOG.md' | ForEach-Object { Join-Path $root $_ } | Where-Object { Test-Path $_ } | Copy-Item -Destination $package
    Copy-Item "$root/Module/*.ps1xml", "$root/Module/lib" "$package/Module" -Recurse -Exclude *.pdb
    Copy-Item "$root/Module/en-US" $package -Recurse
    dotnet pack (Join-Path $root 'Module') --no-build --configuration $Configuration --output $artifacts -p:ModulePackage=$package
    $script:manifest = Join-Path $package 'NvStream.psd1'
    Test-ModuleManifest $manifest | Out-Null
}

foreach ($name in $Task) {
    Write-Host "== $name ($Configuration)"
    & $name
}

Write-Host "`nImport-Module '$manifest'"
