"""Build the tool environment: one builder at a time, into a new folder, seen by nobody before it is verified.

Kill -9, a full disk or Ctrl-C at any moment leaves the environment of before, if there was one. A build that
was interrupted is never resumed; the next one removes what it left, once it holds the exclusive lock.
"""

import contextlib
import csv
import glob
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator

import tool_environment as tools
from tool_environment import BootstrapError, say
from tool_lock import exclusive_lock, write_json

LOG = os.path.join(tools.STORE, "logs", "tools.log")
PYTHON_NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
# Not as a program called `pip`: on Windows that one refuses to install the pip of the lockfile.
START_PIP = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
IMPORTS = ("filelock", "invoke", "nox", "packaging", "rich", "tomlkit", "uv", "virtualenv")

# What the output of a failed child means: pattern, message, hint. The first match counts.
FAILURES = (
    (
        r"Max retries|after connection broken|timed out|ConnectionError|ProxyError|SSLError|HTTP error",
        "the tools cannot be downloaded: the package index does not answer",
        "check the network, the proxy (HTTPS_PROXY) and the index in `pip config list`, then run this again",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "the package index served a file that is not the locked one",
        "find out why before you use that index; the right hashes are in `requirements/tools.txt`",
    ),
    (
        r"No matching distribution",
        "the package index lacks a tool that `requirements/tools.txt` asks for",
        "check the index in `pip config list`, then run this again",
    ),
    (r"No space left|not enough space", "the disk is full", "free some space, then run this again"),
    (r"", "the tool environment could not be made", f"the whole output is in `{LOG}`"),
)


def ensure_built() -> str:
    """The folder of a complete generation: built here, or by the process that this one had to wait for."""
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, interrupt)
    with exclusive_lock() as descriptor:
        folder, reason = tools.find_tools()
        if not reason:
            return folder
        say(f"making the tool environment: {reason}")
        started = time.monotonic()
        remove_generations(keep=folder)  # the current one stays: somebody may be running it
        folder = make_generation(descriptor)
        write_json(tools.POINTER, {"generation": os.path.basename(folder)})
        say(f"done in {time.monotonic() - started:.1f} s")
        return folder


def make_generation(descriptor: int) -> str:
    """A complete, verified generation. Whatever stops this leaves no folder behind."""
    folder = os.path.join(tools.GENERATIONS, os.urandom(4).hex())
    prefixes = {"base": folder, "platbase": folder, "installed_base": folder, "installed_platbase": folder}
    site_packages = sysconfig.get_path("purelib", "venv", prefixes)
    lock = tools.read_lockfile()
    os.makedirs(folder)
    try:
        install(folder, lock, descriptor)
        if tools.has_library():
            add_library(folder, site_packages)
        verify(folder, site_packages, lock, descriptor)
        commit = tools.Commit(
            fingerprint=tools.fingerprint(lock, tools.VERSION, folder),
            version=tools.VERSION,
            base=tools.base_interpreter(),
            location=folder,
            site_packages=site_packages,
            distributions=distributions_in(site_packages),
        )
        if sys.platform != "win32":
            os.sync()  # against power loss: the packages reach the disk before the file that vouches for them
        write_json(os.path.join(folder, tools.COMMIT_NAME), commit._asdict())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def install(folder: str, lock: bytes, descriptor: int) -> None:
    wheel = bundled_pip()
    os.makedirs(os.path.dirname(LOG), exist_ok=True)
    open(LOG, "wb").close()
    # Unpacking and compiling a seeded pip takes as long as all the rest; the lockfile brings one anyway.
    run([tools.base_interpreter(), "-I", "-m", "venv", "--without-pip", "--prompt", "envyard", folder], descriptor)
    copy = os.path.join(folder, "tools.txt")  # the bytes of the fingerprint, even if the original changes now
    with open(copy, "wb") as file:
        file.write(lock)
    pip = [tools.python_of(folder), "-I", "-c", START_PIP, wheel, "--no-input", "--disable-pip-version-check"]
    run([*pip, "install", "--no-user", "--no-compile", "--require-hashes", "-r", copy], descriptor)


def bundled_pip() -> str:
    """The pip that comes with the interpreter: the wheel of `ensurepip`, which pip can run from without unpacking."""
    spec = importlib.util.find_spec("ensurepip")
    if spec and spec.origin and importlib.util.find_spec("venv"):
        own = os.path.join(os.path.dirname(spec.origin), "_bundled")
        for folder in (sysconfig.get_config_var("WHEEL_PKG_DIR"), own):  # Linux distributions have their own place
            wheels = sorted(glob.glob("pip-*.whl", root_dir=folder)) if folder else []
            if wheels:
                return os.path.join(folder, wheels[-1])
    raise BootstrapError(
        f"`{tools.base_interpreter()}` cannot make virtual environments: its `venv` or `ensurepip` is missing",
        f"on Debian and Ubuntu run `sudo apt install {PYTHON_NAME}-venv`, then run this again",
    )


def add_library(folder: str, site_packages: str) -> None:
    """Make the workspace's own envyard importable, with a launcher beside those of the other tools."""
    line = tools.SOURCES  # editors understand only a plain path
    if not line.isascii():  # up to Python 3.12 the encoding of .pth files depends on the locale
        line = f"import sys; path = {line!a}; path in sys.path or sys.path.append(path)"
    with open(os.path.join(site_packages, "envyard.pth"), "w", encoding="ascii") as file:
        file.write(f"{line}\n")
    python = tools.python_of(folder)
    name, text = "envyard", f'#!/bin/sh\nexec {shlex.quote(python)} -P -m envyard "$@"\n'
    if tools.WINDOWS:
        name, text = "envyard.cmd", '@"%~dp0python.exe" -P -m envyard %*\r\n'
    launcher = os.path.join(os.path.dirname(python), name)
    with open(launcher, "wb") as binary:
        binary.write(os.fsencode(text))
    os.chmod(launcher, 0o755)


def verify(folder: str, site_packages: str, lock: bytes, descriptor: int) -> None:
    """Every file of every RECORD exists with its size; the interpreter starts and imports the tools."""
    for name in distributions_in(site_packages):
        with open(os.path.join(site_packages, name, "RECORD"), encoding="utf-8", newline="") as record:
            for path, _, size in csv.reader(record):
                file = os.path.join(site_packages, path)
                if not os.path.exists(file) or (size and os.path.getsize(file) != int(size)):
                    raise BootstrapError(f"`{file}` is missing or incomplete", "check the disk, then run this again")
    names = [name for name in IMPORTS if re.search(rf"^{name}==", lock.decode(), re.MULTILINE)]
    code = "import sys; [__import__(name) for name in sys.argv[1:]]"
    run([tools.python_of(folder), "-I", "-c", code, *names], descriptor)


def distributions_in(site_packages: str) -> list[str]:
    return sorted(name for name in os.listdir(site_packages) if name.endswith(".dist-info"))


def remove_generations(*, keep: str) -> None:
    """Remove older generations and what interrupted builds left: folders of our naming, never through a link."""
    if os.path.islink(tools.GENERATIONS) or not os.path.isdir(tools.GENERATIONS):
        return
    for name in os.listdir(tools.GENERATIONS):
        folder = os.path.join(tools.GENERATIONS, name)
        if tools.is_generation(name) and folder != keep and not os.path.islink(folder):
            shutil.rmtree(folder, ignore_errors=True)  # refuses junctions; what Windows still uses goes next time


# --- child processes


def run(command: list[str], descriptor: int) -> None:
    """Run a child to its end, its output in the log. It holds the exclusive lock too, and Ctrl-C ends it."""
    child = None
    with open(LOG, "ab") as log:
        try:
            with delayed_signals():  # none may hit between the start of the child and its name
                child = subprocess.Popen(
                    command,
                    cwd=tools.ROOT,
                    env=tools.clean_environment(pip=True),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=() if tools.WINDOWS else (descriptor,),
                    process_group=None if tools.WINDOWS else 0,
                )
            code = child.wait()
        except BaseException:
            if child is not None:
                stop(child)
            raise
    if code:
        raise failure(code)


def stop(child: "subprocess.Popen[bytes]") -> None:
    """End a child and its children; a moment is given to pip to remove its temporary files."""
    if sys.platform == "win32":
        child.kill()
    else:
        try:
            os.killpg(child.pid, signal.SIGINT)
            child.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def failure(code: int) -> BootstrapError:
    with open(LOG, encoding="utf-8", errors="replace") as log:
        output = log.read()
    message, hint = next((message, hint) for pattern, message, hint in FAILURES if re.search(pattern, output))
    lines = [line for line in output.splitlines() if line.strip()]
    evidence = [line for line in lines if line.startswith("ERROR")] or lines or [f"exit code {code}"]
    return BootstrapError(message, hint, tuple(line[:300] for line in evidence[-5:]))


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def delayed_signals() -> Iterator[None]:
    """Signals that would raise KeyboardInterrupt inside do so at the end."""
    arrived: list[object] = []
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda *caught: arrived.append(caught))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if arrived:
        raise KeyboardInterrupt
