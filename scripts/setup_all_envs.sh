#!/bin/sh
# Make the environments of all projects, on a machine that has only Python.
# Works from any folder and through links: this file is found first, then bootstrap.sh beside it.

script=$0
while [ -L "$script" ]; do
    target=$(readlink -- "$script")
    case $target in
    /*) script=$target ;;
    *) script=$(dirname -- "$script")/$target ;;
    esac
done
exec sh "$(dirname -- "$script")/bootstrap.sh" setup-all "$@"
