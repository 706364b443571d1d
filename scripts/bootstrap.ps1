# Find a Python >= 3.11 and run bootstrap.py beside this file with it, all arguments passed on.
# $env:ENVYARD_PYTHON (a path or a command) comes first and alone. Every candidate is really started:
# the python.exe of the Windows Store exists on PATH without a Python behind it.
# Windows PowerShell 5.1 and newer; ASCII only, because 5.1 reads files without a byte order mark as ANSI.

$ErrorActionPreference = 'Continue' # the caller's 'Stop' would turn an exit code into an exception

function Test-Python([string[]] $Command) {
    $rest = @($Command | Select-Object -Skip 1)
    try {
        & $Command[0] @rest -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>&1 | Out-Null
        return $LASTEXITCODE -eq 0
    } catch {
        return $false
    }
}

# Up to PowerShell 7.2 quotes and empty arguments were lost on the way to a program.
function ConvertTo-ProgramArgument([string] $Text) {
    if ($PSVersionTable.PSVersion -ge [version] '7.3') { return $Text }
    if ($Text -eq '') { return '""' }
    $escaped = $Text -replace '(\\*)"', '$1$1\"'
    if ($escaped -match '\s') { $escaped = $escaped -replace '(\\+)$', '$1$1' }
    return $escaped
}

if ($env:ENVYARD_PYTHON) {
    $candidates = @(, @($env:ENVYARD_PYTHON))
} else {
    $candidates = @(@('py', '-3'), @('python'), @('python3'))
}

$tried = @()
foreach ($candidate in $candidates) {
    $command = @($candidate)
    if (-not (Get-Command -Name $command[0] -CommandType Application -ErrorAction SilentlyContinue)) { continue }
    if (Test-Python $command) {
        $rest = @($command | Select-Object -Skip 1)
        $passed = @($args | ForEach-Object { ConvertTo-ProgramArgument $_ })
        & $command[0] @rest -I -S (Join-Path $PSScriptRoot 'bootstrap.py') @passed
        exit $LASTEXITCODE
    }
    $tried += "  $($command -join ' '): does not start, or is too old"
}

$message = @('error: envyard needs Python 3.11 or newer, and there is none on PATH')
if ($env:ENVYARD_PYTHON) {
    $message = @("error: ENVYARD_PYTHON is '$env:ENVYARD_PYTHON', which is not a working Python 3.11 or newer")
}
$message += $tried
$message += ''
$message += 'hint: run "winget install -e --id Python.Python.3.12" and open a new window,'
$message += 'or set the variable ENVYARD_PYTHON to the full path of a python.exe, then run this again'
[Console]::Error.WriteLine($message -join [Environment]::NewLine)
exit 1
