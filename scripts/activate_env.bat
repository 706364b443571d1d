@echo off
rem Activate the environment of a project in this shell: scripts\activate_env.bat [FOLDER]
rem FOLDER is the project's, as seen from here, from the workspace, or from its folder projects; none: the project in
rem whose top folder we are. deactivate ends it.

if "%~1"=="" goto here
if exist "%~1\venv\Scripts\activate.bat" goto as_it_is
if exist "%~dp0..\%~1\venv\Scripts\activate.bat" goto in_workspace
if exist "%~dp0..\projects\%~1\venv\Scripts\activate.bat" goto in_projects
goto missing

:here
if not exist "venv\Scripts\activate.bat" goto missing
call "venv\Scripts\activate.bat"
exit /b %ERRORLEVEL%

:as_it_is
call "%~1\venv\Scripts\activate.bat"
exit /b %ERRORLEVEL%

:in_workspace
call "%~dp0..\%~1\venv\Scripts\activate.bat"
exit /b %ERRORLEVEL%

:in_projects
call "%~dp0..\projects\%~1\venv\Scripts\activate.bat"
exit /b %ERRORLEVEL%

:missing
echo error: there is no environment in "%~1">&2
echo.>&2
echo hint: run scripts\setup_all_envs.bat, or name the folder of a project>&2
exit /b 1
