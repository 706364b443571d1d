# Make the environments of all projects, on a machine that has only Python.
# Windows PowerShell 5.1 and newer. PowerShell itself takes a bare -- away: write '--' in quotes.

& (Join-Path $PSScriptRoot 'bootstrap.ps1') setup-all @args
exit $LASTEXITCODE
