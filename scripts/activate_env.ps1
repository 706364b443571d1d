# Activate the environment of a project in this shell: . .\scripts\activate_env.ps1 [FOLDER]
# FOLDER is the project's, as seen from here, from the workspace, or from its folder `projects`; none: the project that
# the current folder is in. `deactivate` ends it. Windows PowerShell 5.1 and newer.

param([string] $Folder = '')

$envyardRoot = Split-Path -Parent $PSScriptRoot
$envyardCandidates = @()
if ($Folder) {
    $envyardCandidates = @($Folder, (Join-Path $envyardRoot $Folder), (Join-Path (Join-Path $envyardRoot 'projects') $Folder))
} else {
    $envyardOne = (Get-Location).ProviderPath
    while ($envyardOne) {
        $envyardCandidates += $envyardOne
        if ($envyardOne -eq $envyardRoot) { break }
        $envyardOne = Split-Path -Parent $envyardOne
    }
}
$envyardFound = ''
foreach ($envyardOne in $envyardCandidates) {
    foreach ($envyardBin in @('Scripts', 'bin')) {
        $envyardScript = Join-Path (Join-Path (Join-Path $envyardOne 'venv') $envyardBin) 'activate.ps1'
        if (-not $envyardFound -and (Test-Path -LiteralPath $envyardScript -PathType Leaf)) { $envyardFound = $envyardScript }
    }
}
if ($envyardFound) {
    . $envyardFound
} else {
    $envyardOne = $Folder
    if (-not $envyardOne) { $envyardOne = (Get-Location).ProviderPath }
    Write-Error "there is no environment in '$envyardOne'; run .\scripts\setup_all_envs.ps1, or name the folder of a project"
}
foreach ($envyardOne in @('Root', 'Candidates', 'Bin', 'Script', 'Found', 'One')) {
    Remove-Variable -Name "envyard$envyardOne" -ErrorAction SilentlyContinue
}
