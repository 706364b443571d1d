#!/bin/sh
# Run the tests of all projects; with arguments: run nox with these arguments.
# Works from any folder and through links: this file is found first, then bootstrap.sh beside it.

script=$0
while [ -L "$script" ]; do
    target=$(readlink -- "$script")
    case $target in
    /*) script=$target ;;
    *) script=$(dirname -- "$script")/$target ;;
    esac
done
exec sh "$(dirname -- "$script")/bootstrap.sh" run-tests "$@"
