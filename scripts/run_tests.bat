@echo off
rem Run the tests of all projects; with arguments: run nox with these arguments.
rem No CALL on purpose: it would expand the percent signs and carets of the arguments once more.

"%~dp0bootstrap.bat" run-tests %*
