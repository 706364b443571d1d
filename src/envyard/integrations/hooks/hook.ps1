# envyard's hook for Windows PowerShell 5.1 and newer; hook.sh says what the variables hold.

# Where `index_file` of shells.py has it. Not written in by envyard: the console may not know the letters of the path.
if ([IO.Path]::DirectorySeparatorChar -eq '\') {
    $global:EnvyardIndex = "$env:LOCALAPPDATA"
    if (-not $global:EnvyardIndex) { $global:EnvyardIndex = [IO.Path]::Combine($HOME, 'AppData', 'Local') }
} else {
    $global:EnvyardIndex = "$env:XDG_STATE_HOME"
    if (-not $global:EnvyardIndex) { $global:EnvyardIndex = [IO.Path]::Combine($HOME, '.local', 'state') }
}
$global:EnvyardIndex = [IO.Path]::Combine($global:EnvyardIndex, 'envyard', 'projects')
$global:EnvyardSeen = ''
$global:EnvyardFound = ''
$global:EnvyardBegun = $false

function global:Invoke-EnvyardHook {
    if ($env:DIRENV_DIR) { return } # the two would undo each other's work
    $stamp = ''
    if ([IO.File]::Exists($global:EnvyardIndex)) {
        $reader = New-Object IO.StreamReader $global:EnvyardIndex
        try { $stamp = $reader.ReadLine() } finally { $reader.Dispose() }
    }
    $location = Get-Location
    $here = ''
    if ($location.Provider.Name -eq 'FileSystem') { $here = $location.ProviderPath }
    if ("$stamp $here" -cne $global:EnvyardSeen) {
        Find-EnvyardProject $here
        $global:EnvyardSeen = "$stamp $here"
    }
    $bin = ''
    if ($global:EnvyardFound) {
        $venv = Join-Path $global:EnvyardFound 'venv'
        foreach ($pair in @(@('Scripts', 'python.exe'), @('bin', 'python'))) {
            $folder = Join-Path $venv $pair[0]
            if (-not $bin -and [IO.File]::Exists((Join-Path $folder $pair[1]))) { $bin = $folder }
        }
    }
    $wanted = ''
    if ($bin) { $wanted = "$stamp $bin" }
    # A new shell begins anew: its profile may have put other folders before ours.
    if ($wanted -ceq "$env:_envyard_active" -and $global:EnvyardBegun) { return }
    $global:EnvyardBegun = $true
    Exit-EnvyardProject
    if ($bin) { Enter-EnvyardProject $bin $wanted }
}

function global:Find-EnvyardProject([string] $Folder) { # the innermost project that holds it
    $global:EnvyardFound = ''
    $global:EnvyardKey = ''
    $global:EnvyardName = ''
    $global:EnvyardSet = @()
    if (-not $Folder -or -not [IO.File]::Exists($global:EnvyardIndex)) { return }
    $comparison = [StringComparison]::Ordinal
    $separator = [IO.Path]::DirectorySeparatorChar
    if ($separator -eq '\') { $comparison = [StringComparison]::OrdinalIgnoreCase }
    $mine = $false
    foreach ($line in [IO.File]::ReadAllLines($global:EnvyardIndex)) {
        $word, $value = $line.Split(@(' '), 2, [StringSplitOptions]::None)
        if ($word -eq 'project') {
            $path = ConvertFrom-EnvyardText $value
            $mine = "$Folder$separator".StartsWith("$path$separator", $comparison) -and
                $path.Length -gt $global:EnvyardFound.Length
            if ($mine) {
                $global:EnvyardFound = $path
                $global:EnvyardSet = @()
            }
        } elseif ($mine -and $word -eq 'key') {
            $global:EnvyardKey = $value
        } elseif ($mine -and $word -eq 'name') {
            $global:EnvyardName = ConvertFrom-EnvyardText $value
        } elseif ($mine -and $word -eq 'set') {
            $global:EnvyardSet += $value
        }
    }
    if ($global:EnvyardFound -and -not (Test-Path -LiteralPath (Join-Path $global:EnvyardFound 'venv'))) {
        Write-Host "envyard: no environment here, type: envyard envs.setup $global:EnvyardKey"
    }
}

function global:ConvertFrom-EnvyardText([string] $Text) {
    [regex]::Replace($Text, '\\([\\nrt])', {
        param($match)
        switch -CaseSensitive ($match.Groups[1].Value) {
            'n' { "`n" }
            'r' { "`r" }
            't' { "`t" }
            default { '\' }
        }
    })
}

function global:Enter-EnvyardProject([string] $Bin, [string] $Active) {
    Set-EnvyardVariable 'PROJECT_NAME' $global:EnvyardName
    foreach ($line in $global:EnvyardSet) {
        $name, $value = $line.Split(@('='), 2, [StringSplitOptions]::None)
        Set-EnvyardVariable $name (ConvertFrom-EnvyardText $value)
    }
    Set-EnvyardVariable 'VIRTUAL_ENV' (Join-Path $global:EnvyardFound 'venv')
    Set-EnvyardVariable 'VIRTUAL_ENV_PROMPT' $global:EnvyardKey
    Set-EnvyardVariable 'PYTHONHOME' ''
    $env:PATH = $Bin + [IO.Path]::PathSeparator + $env:PATH
    $env:_envyard_bin = $Bin
    $env:_envyard_active = $Active
}

function global:Set-EnvyardVariable([string] $Name, [string] $Value) { # an empty value removes it, as everywhere here
    if ($Name -notmatch '^[A-Za-z_][A-Za-z0-9_]*$') { return }
    if (@("$env:_envyard_names".Split(' ')) -notcontains $Name) {
        $old = [Environment]::GetEnvironmentVariable($Name)
        $had = ''
        if ($null -ne $old) { $had = 'x' }
        [Environment]::SetEnvironmentVariable("_envyard_had_$Name", $had)
        [Environment]::SetEnvironmentVariable("_envyard_old_$Name", $old)
        $env:_envyard_names = "$env:_envyard_names $Name"
    }
    [Environment]::SetEnvironmentVariable($Name, $Value)
    [Environment]::SetEnvironmentVariable("_envyard_new_$Name", $Value)
}

function global:Exit-EnvyardProject { # what somebody changed meanwhile stays as it is
    foreach ($name in "$env:_envyard_names".Split(@(' '), [StringSplitOptions]::RemoveEmptyEntries)) {
        $now = [Environment]::GetEnvironmentVariable($name)
        if ("$now" -ceq [string][Environment]::GetEnvironmentVariable("_envyard_new_$name")) {
            $old = $null
            if ([Environment]::GetEnvironmentVariable("_envyard_had_$name")) {
                $old = [Environment]::GetEnvironmentVariable("_envyard_old_$name")
            }
            [Environment]::SetEnvironmentVariable($name, $old)
        }
        foreach ($part in @('had', 'old', 'new')) {
            [Environment]::SetEnvironmentVariable("_envyard_${part}_$name", $null)
        }
    }
    if ($env:_envyard_bin) {
        $separator = [IO.Path]::PathSeparator
        $folders = New-Object Collections.Generic.List[string]
        foreach ($folder in "$env:PATH".Split($separator)) { $folders.Add($folder) }
        [void] $folders.Remove($env:_envyard_bin)
        $env:PATH = [string]::Join($separator, $folders.ToArray())
    }
    foreach ($part in @('names', 'bin', 'active')) {
        [Environment]::SetEnvironmentVariable("_envyard_$part", $null)
    }
}

if (-not (Test-Path variable:global:EnvyardPrompt)) {
    $global:EnvyardPrompt = $function:prompt
    function global:prompt {
        $code = $global:LASTEXITCODE
        Invoke-EnvyardHook
        $global:LASTEXITCODE = $code
        & $global:EnvyardPrompt
    }
}
