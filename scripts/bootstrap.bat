@echo off
rem Find a Python >= 3.11 and run bootstrap.py beside this file with it, all arguments passed on.
rem ENVYARD_PYTHON (a path or a command) comes first and alone. Every candidate is really started:
rem the python.exe of the Windows Store exists on PATH without a Python behind it.
rem CALL is for the checks only: pyenv's python is a batch file, from which nothing returns without
rem CALL, but CALL would expand the percent signs and carets of the arguments once more.
setlocal EnableExtensions DisableDelayedExpansion

if defined ENVYARD_PYTHON goto :chosen
py.exe -3 -I -S -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>&1
if %ERRORLEVEL% equ 0 goto :launcher
python.exe -I -S -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>&1
if %ERRORLEVEL% equ 0 goto :executable
call python -I -S -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>&1
if %ERRORLEVEL% equ 0 goto :shim
echo error: envyard needs Python 3.11 or newer, and there is none on PATH>&2
goto :hint

:chosen
set "ENVYARD_PYTHON=%ENVYARD_PYTHON:"=%"
call "%ENVYARD_PYTHON%" -I -S -c "import sys; sys.exit(sys.version_info < (3, 11))" >nul 2>&1
if %ERRORLEVEL% neq 0 goto :unsuitable
"%ENVYARD_PYTHON%" -I -S "%~dp0bootstrap.py" %*
exit /b %ERRORLEVEL%

:launcher
py.exe -3 -I -S "%~dp0bootstrap.py" %*
exit /b %ERRORLEVEL%

:executable
python.exe -I -S "%~dp0bootstrap.py" %*
exit /b %ERRORLEVEL%

:shim
python -I -S "%~dp0bootstrap.py" %*
exit /b %ERRORLEVEL%

:unsuitable
echo error: ENVYARD_PYTHON is "%ENVYARD_PYTHON%", which is not a working Python 3.11 or newer>&2

:hint
echo.>&2
echo hint: run "winget install -e --id Python.Python.3.12" and open a new window,>&2
echo or set the variable ENVYARD_PYTHON to the full path of a python.exe, then run this again>&2
exit /b 1
