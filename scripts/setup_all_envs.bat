@echo off
rem Make the environments of all projects, on a machine that has only Python.
rem No CALL on purpose: it would expand the percent signs and carets of the arguments once more.

"%~dp0bootstrap.bat" setup-all %*
