# Run the tests of all projects; with arguments: run nox with these arguments.
# Windows PowerShell 5.1 and newer. PowerShell itself takes a bare -- away: write '--' in quotes.

& (Join-Path $PSScriptRoot 'bootstrap.ps1') run-tests @args
exit $LASTEXITCODE
