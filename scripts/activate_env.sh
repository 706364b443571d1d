#!/bin/sh
# Activate the environment of a project in this shell, for bash and zsh:
#     . scripts/activate_env.sh [FOLDER]
# FOLDER is the project's, as seen from here, from the workspace, or from its folder `projects`; none: the project that
# the current folder is in. `deactivate` ends it. A plain sh (dash) gives a script that it reads with a dot neither FOLDER nor
# its own place, so go to the folder of the project there first.

_envyard_activate() { # _envyard_activate SCRIPT [FOLDER]
    _envyard_root=$(CDPATH='' cd -P -- "$(dirname -- "$1")/.." 2>/dev/null && pwd -P) || _envyard_root=
    if [ ! -f "$_envyard_root/workspace.toml" ]; then _envyard_root=$PWD; fi
    _envyard_folder=
    if [ -n "${2-}" ]; then
        for _envyard_one in "$2" "$_envyard_root/$2" "$_envyard_root/projects/$2"; do
            if [ -z "$_envyard_folder" ] && [ -f "$_envyard_one/venv/pyvenv.cfg" ]; then _envyard_folder=$_envyard_one; fi
        done
    else
        _envyard_one=$PWD
        while [ -n "$_envyard_one" ] && [ -z "$_envyard_folder" ]; do
            if [ -f "$_envyard_one/venv/pyvenv.cfg" ]; then _envyard_folder=$_envyard_one; fi
            if [ "$_envyard_one" = "$_envyard_root" ]; then break; fi
            _envyard_one=${_envyard_one%/*}
        done
    fi
    for _envyard_one in "$_envyard_folder/venv/bin/activate" "$_envyard_folder/venv/Scripts/activate"; do
        if [ -n "$_envyard_folder" ] && [ -f "$_envyard_one" ]; then
            # shellcheck disable=SC1090 # it is a different one each time
            . "$_envyard_one"
            unset _envyard_root _envyard_folder _envyard_one
            return 0
        fi
    done
    echo "error: there is no environment in \`${2:-$PWD}\`" >&2
    echo >&2
    echo 'hint: run ./scripts/setup_all_envs.sh, or name the folder of a project' >&2
    unset _envyard_root _envyard_folder _envyard_one
    return 1
}

case "${ZSH_VERSION-}:${0##*/}" in
:activate_env.sh)
    echo 'error: this script changes the shell that reads it' >&2
    echo >&2
    echo "hint: run it with a dot: . $0${1:+ $1}" >&2
    exit 1
    ;;
esac
# shellcheck disable=SC2128,SC3028 # empty in every shell but bash
_envyard_activate "${BASH_SOURCE:-$0}" "$@"
