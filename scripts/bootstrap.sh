#!/bin/sh
# Find a Python >= 3.11 and run bootstrap.py beside this file with it, all arguments passed on.
# $ENVYARD_PYTHON (a path or a command) comes first and alone. Every candidate is really started:
# the shims of version managers exist on PATH without a Python behind them.
# -I -S: what happens to be installed in that Python, or set for it, must not matter.

here=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd -P) || exit 1
check='import os, sys
sys.version_info >= (3, 11) or sys.exit(1)
sys.stdout.buffer.write(os.fsencode(sys.executable))'

run_with() { # run_with CANDIDATE ARGS...: does not come back if the candidate is suitable
    candidate=$1
    shift
    # the interpreter behind the candidate, so that a slow shim runs once only
    python=$("$candidate" -I -S -c "$check" </dev/null 2>/dev/null) || return 0
    if [ -n "$python" ]; then
        exec "$python" -I -S "$here/bootstrap.py" "$@"
    fi
}

if [ -n "${ENVYARD_PYTHON:-}" ]; then
    run_with "$ENVYARD_PYTHON" "$@"
    cat >&2 <<TEXT
error: ENVYARD_PYTHON is \`$ENVYARD_PYTHON\`, which is not a working Python 3.11 or newer

hint: set it to one, or unset it and let PATH decide
TEXT
    exit 1
fi

tried=
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
    if command -v "$candidate" >/dev/null 2>&1; then
        run_with "$candidate" "$@"
        version=$("$candidate" -V </dev/null 2>&1) || version='does not start'
        tried="$tried
  $candidate: $version"
    fi
done

cat >&2 <<TEXT
error: envyard needs Python 3.11 or newer, and there is none on PATH${tried:-
  no python3 at all}

hint: install one, then run this again:
  Debian, Ubuntu   sudo apt install python3 python3-venv   (old releases: python3.11 python3.11-venv)
  Fedora, RHEL     sudo dnf install python3.12
  Arch             sudo pacman -S python
  macOS            brew install python
  or set ENVYARD_PYTHON to an interpreter that is not on PATH
TEXT
exit 1
