"""Make the tool environment (nox, Invoke, uv, ...) on a machine that has only Python, then hand over to it.

    bootstrap.py setup-all ARGS   make it, then `python -m envyard envs.setup-all ARGS`
    bootstrap.py run-tests ARGS   make it, then `python -m nox ARGS` (without ARGS: the tests of all projects)
    bootstrap.py --tools-only     make it and print the path of its python

Only the standard library is needed. This file keeps to syntax that Python 3.6 can parse, so that an interpreter
which is too old says so instead of failing with a SyntaxError.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - for the interpreters that are too old
    sys.exit(
        f"error: envyard needs Python 3.11 or newer; `{sys.executable}` is {sys.version.split()[0]}\n\n"
        "hint: install a newer one, or set ENVYARD_PYTHON to it, then run this again"
    )

import contextlib
import io
import os

sys.path.append(os.path.dirname(os.path.realpath(__file__)))  # python -I leaves it out

import tool_environment as tools

ACTIONS = {
    "setup-all": ["-m", "envyard", "envs.setup-all"],
    "run-tests": ["-m", "nox", "-f", os.path.join(tools.ROOT, "noxfile.py")],
    "--tools-only": [],
}


def main(arguments: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an unprintable path is no reason to fail
    if not arguments or arguments[0] not in ACTIONS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        python = ensure_tools()
    except KeyboardInterrupt:
        tools.say("stopped; the tool environment is as it was before")
        return 130
    except tools.BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        hint = f"check that `{tools.STORE}` can be written, then run this again"
        print(f"error: the tool environment cannot be made: {error}\n\nhint: {hint}", file=sys.stderr)
        return 1
    if arguments[0] == "--tools-only":
        print(python)
        return 0
    return delegate(python, arguments[0], arguments[1:])


def ensure_tools() -> str:
    """The python of the tool environment, which is made first where it is missing or out of date."""
    folder, reason = tools.find_tools()
    if reason:
        import tool_build  # parsed only when there is something to build

        folder = tool_build.ensure_built()
    tools.link(folder)  # always: a process that was killed between the pointer and the link left an old one
    return tools.python_of(folder)


def delegate(python: str, action: str, arguments: list[str]) -> int:
    """Become `python -m envyard ...` or `python -m nox ...`; returns (with the exit code) on Windows only."""
    if action == "run-tests" and not arguments:
        arguments = ["-t", "projects"]
    # -P: a file of the workspace root that is named like a library must not shadow it
    command = [python, "-P", *ACTIONS[action], *arguments]
    environment = tools.clean_environment(pip=False)
    if not tools.WINDOWS:
        os.chdir(tools.ROOT)
        os.execve(python, command, environment)
    return run_to_its_end(command, environment)


def run_to_its_end(command: list[str], environment: dict[str, str]) -> int:
    import signal
    import subprocess

    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.default_int_handler)  # Ctrl-Break, heard as Ctrl-C is
    child = subprocess.Popen(command, cwd=tools.ROOT, env=environment)
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # the console sends Ctrl-C to the child too: it decides
            return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
