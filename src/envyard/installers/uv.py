"""uv as the installer: every wheel is unpacked once into uv's cache and linked into each environment.

Traps this module is shaped by: uv reads `[tool.uv.pip]` of the current folder (locked installs run in the store), it
copies silently across devices (`cache.py` warns), and a killed `uv pip` is never resumed (the builder's rule).
"""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from envyard.errors import EnvironmentIncomplete, EnvyardError, InstallFailed
from envyard.fileoptions import demanded_hashes, with_hashes
from envyard.installers.base import FetchPlan, NotCached, Plan, Work, progress_events, split_lockfile
from envyard.installers.bridge import uv_arguments, uv_variables
from envyard.installers.failures import Cause, explain
from envyard.interrupts import join
from envyard.process import Completed, child_environment, run
from envyard.requirements import load_text, parse_lockfile, sources
from envyard.wheelfile import WheelFile, located

_START_SECONDS = 20.0  # in which it says its version
_NOT_CACHED = re.compile(
    r"network (?:was|connectivity is) disabled|not found in the cache|No solution found when resolving", re.IGNORECASE
)
_DAMAGED = re.compile(
    r"Failed to install: \S+ \(([\w.-]+)==.*\n(?:.*\n)*?.*(?:wheel is invalid|`RECORD`|`METADATA`|`WHEEL`|No such file)"
)
_WORDS = {
    Cause.WRONG_HASH: re.compile(r"Hash mismatch"),
    Cause.NO_ACCESS: re.compile(r"authentication credentials|401 Unauthorized|403 Forbidden"),
    Cause.UNREACHABLE: re.compile(
        r"error sending request|dns error|connection refused|Failed to fetch|timed? ?out|tcp connect"
        r"|reading a body|decoding response body|response body error",
        re.IGNORECASE,
    ),
    Cause.UNREADABLE: re.compile(r"Couldn't parse requirement|Unexpected '|Unsupported requirement|(?:ed|id) hash"),
    Cause.NOT_TOML: re.compile(r"TOML parse error"),
    Cause.BUILD: re.compile(
        r"Failed to build|build backend returned|metadata from built wheel|Invalid `pyproject.toml`"
    ),
    Cause.OFFLINE: re.compile(r"network (?:was|connectivity is) disabled", re.IGNORECASE),
    Cause.NOT_FOUND: re.compile(
        r"cause: Because (?!.*depends? on).*(?:not found in the package registry|no versions? of|is available)"
    ),
    Cause.CONFLICT: re.compile(r"No solution found when resolving"),
}


class Uv:
    """The installer `uv`. `program` is its executable."""

    name = "uv"

    def __init__(self, program: str) -> None:
        self.program = program

    @functools.cached_property
    def version(self) -> str:
        from importlib.metadata import version

        try:
            return version("uv")
        except ModuleNotFoundError:
            output = run([self.program, "--version"], timeout=_START_SECONDS).stdout.split()
            return output[1] if len(output) > 1 else "unknown"

    def describe(self) -> str:
        return f"uv {self.version}"

    def install(self, plan: Plan, work: Work, *, offline: bool) -> None:
        definition = plan.definition
        pins, folder = definition.lockfile, plan.fixed_folder
        if pins is None:
            # Paths in a hand-written requirement file are relative to the project, as for pip.
            pins, folder = plan.resolved, definition.link.parent if definition.link else definition.root
            if not pins.exists():
                self._resolve(plan, work, folder)
        text = load_text(pins)
        common = ["--python", str(plan.python), *(["--offline"] if offline else [])]
        files, folders = [str(pins)], ""
        if definition.lockfile is not None:
            files[0], folders = split_lockfile(plan, text)
        if not any(pin.name == "pip" for pin in parse_lockfile(text)):
            files.append(str(plan.seed))
        files += [str(plan.options)] if plan.options else []
        hashed = ["--require-hashes"] if definition.lockfile is not None and "--hash=" in text else []
        self._uv(["pip", "sync", *common, *hashed, *_backend(definition.torch_backend), *files], work, folder, plan)
        if definition.lockfile is not None and (definition.editable is not None or folders):
            editable = ["--no-deps", *(["-r", folders] if folders else [])]
            editable += ["--editable", str(definition.editable)] if definition.editable is not None else []
            editable += ["-r", str(plan.options)] if plan.options else []  # for what its build requires
            self._uv(["pip", "install", *common, *editable], work, plan.fixed_folder, plan)

    def _resolve(self, plan: Plan, work: Work, folder: Path) -> None:
        """Pin what an environment without a lockfile gets today; from the cache when the index cannot be reached."""
        requirements = _unlocked_requirements(plan)
        temporary = plan.resolved.with_suffix(".tmp")
        if not requirements:
            temporary.write_text("", encoding="utf-8")
        else:
            command = ["pip", "compile", "--python", str(plan.python), "--no-header", "--no-annotate", "--quiet"]
            command += [*_backend(plan.definition.torch_backend), "--output-file", str(temporary), *requirements]
            try:
                self._uv(command, work, folder, plan)
            except InstallFailed as error:
                try:
                    self._uv([*command, "--offline"], work, folder, plan)
                except (InstallFailed, NotCached):
                    raise error from None
            hashes = demanded_hashes(plan.definition)
            if hashes:
                temporary.write_text(with_hashes(load_text(temporary), hashes), encoding="utf-8")
        os.replace(temporary, plan.resolved)

    def wheels(self, plan: Plan, work: Work) -> list[WheelFile]:
        """Asked of uv's resolver, in the form of `pylock.toml`, which names the file that fits this Python."""
        pins = plan.definition.lockfile or plan.resolved
        files = [str(path) for path in (pins, plan.options) if path is not None]
        command = ["pip", "compile", *files, "--no-deps", "--format", "pylock.toml", "--python", str(plan.python)]
        command += ["--no-header", "--no-annotate", "--quiet", *_backend(plan.definition.torch_backend)]
        done = self._uv(command, work, plan.fixed_folder, plan)
        return located(done.stdout, plan.fixed_folder)

    def fetch(self, plan: FetchPlan, work: Work) -> None:
        """One `uv pip install --target` a batch into a scratch folder, side by side: no two batches share a wheel.

        Each is over when uv says that it prepared the wheels: they are in its cache then, and the links that it would
        make next are of no use.
        """
        errors: list[EnvyardError | OSError] = []
        backend = _backend(plan.torch_backend)

        def fetch_batch(number: int, text: str) -> None:
            try:
                folder = plan.scratch / str(number)
                folder.mkdir(parents=True)
                file = plan.scratch / f"{number}.txt"
                file.write_text(text, encoding="utf-8")
                command = ["pip", "install", "--no-deps", "--target", str(folder), "--python", str(plan.interpreter)]
                options = ["-r", str(plan.options)] if plan.options else []
                arguments = [*command, *backend, "-r", str(file), *options]
                self._uv(arguments, work, plan.fixed_folder, plan, enough=is_prepared)
            except (EnvyardError, OSError) as error:
                errors.append(error)

        threads = [
            threading.Thread(target=fetch_batch, args=(number, text), daemon=True)
            for number, text in enumerate(plan.batches)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            join(thread)
        if errors:
            raise errors[0]

    def forget(self, packages: Sequence[str], work: Work) -> None:
        work.run([self.program, "cache", "clean", *packages])

    def compile(
        self,
        arguments: Sequence[str],
        folder: Path,
        work: Work,
        indexes: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> str:
        """`uv pip compile` with these arguments and further indexes; returns what it wrote to stdout.

        `options` are those in the requirement files.
        """
        return self._uv(["pip", "compile", *arguments], work, folder, None, indexes, options).stdout

    def try_compile(
        self,
        arguments: Sequence[str],
        folder: Path,
        work: Work,
        variables: Mapping[str, str],
        options: Sequence[str] = (),
    ) -> Completed:
        """`uv pip compile`, however it ends (1: no solution); `variables` count where the user did not set them.

        `options` are those in the requirement files.
        """
        return self._call(["pip", "compile", *arguments], work, folder, None, variables, options=options)

    def _uv(
        self,
        arguments: list[str],
        work: Work,
        folder: Path,
        plan: Plan | FetchPlan | None,
        indexes: Sequence[str] = (),
        options: Sequence[str] = (),
        *,
        enough: Callable[[str], bool] | None = None,
    ) -> Completed:
        completed = self._call(arguments, work, folder, plan, {}, indexes, options, enough=enough)
        if completed.returncode != 0:
            raise explain_failure(work, completed, offline="--offline" in arguments)
        return completed

    def _call(
        self,
        arguments: list[str],
        work: Work,
        folder: Path,
        plan: Plan | FetchPlan | None,
        variables: Mapping[str, str],
        indexes: Sequence[str] = (),
        options: Sequence[str] = (),
        *,
        enough: Callable[[str], bool] | None = None,
    ) -> Completed:
        caller = os_environment()
        if plan is not None and plan.options is not None:
            options = load_text(plan.options).splitlines()
        # a narrow COLUMNS would break its sentences and paths in two
        own = {**uv_variables(caller, options), "NO_COLOR": "1", "COLUMNS": "1000"}
        environment = {**variables, **child_environment(own)}
        if plan is not None:
            # pip's own wheel is found here; together with the user's folders, which an option would replace
            # (an address, since a `#` or a comma in a path means something else there)
            folders = [environment.get("UV_FIND_LINKS", ""), plan.seed_folder.as_uri()]
            environment["UV_FIND_LINKS"] = ",".join(filter(None, folders))
            indexes = plan.definition.indexes if isinstance(plan, Plan) else plan.indexes
        if indexes:  # besides the user's, which an option would replace
            environment["UV_INDEX"] = " ".join(filter(None, [environment.get("UV_INDEX", ""), *indexes]))
            environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # what pip does
        if environment.get("UV_LINK_MODE") == "symlink":
            del environment["UV_LINK_MODE"]  # `uv cache clean` would break every environment
        return work.run(
            [self.program, *arguments, *uv_arguments(caller)],
            cwd=folder,
            environment=environment,
            on_line=lambda line: work.tell(progress_events(work.key, line)),
            enough=enough,
        )


_finding = threading.Lock()  # sysconfig's first look at its variables is not thread-safe in CPython 3.11


@functools.cache
def find_uv() -> Uv | None:
    """uv from its own package beside envyard, else from PATH; None when there is none."""
    try:
        import uv

        with _finding:
            return Uv(os.fspath(uv.find_uv_bin()))
    except (ImportError, FileNotFoundError):
        import shutil

        program = shutil.which("uv")
        return Uv(program) if program else None


def is_prepared(line: str) -> bool:
    """Whether uv tells by this line that all wheels it installs are unpacked in its cache."""
    return re.match(r"Prepared \d+ packages? in ", line) is not None


def explain_failure(work: Work, completed: Completed, *, offline: bool) -> EnvyardError:
    """uv's exit code and words as the error that names the cause."""
    # An index page in the cache may be older than the lockfile: "no version" then says nothing about the index.
    if offline and _NOT_CACHED.search(completed.stderr):
        return NotCached(f"`{work.key}` needs packages that are not in the cache")
    error = explain("uv", work, completed, _WORDS)
    damaged = _DAMAGED.search(completed.stderr)
    if damaged and type(error) is InstallFailed:
        return EnvironmentIncomplete(
            f"the files of `{damaged[1]}`, which `{work.key}` needs, are damaged",
            packages=[damaged[1]],
            details=error.details,
            hint="they are so on the index too, or the disk is: fetching them anew did not help",
        )
    return error


def not_understood(completed: Completed) -> bool:
    """Whether uv stopped at a line that it cannot read."""
    return _WORDS[Cause.UNREADABLE].search(completed.stderr) is not None


def os_environment() -> dict[str, str]:
    """The caller's environment, scrubbed: what uv and pip would see."""
    return child_environment()


def _backend(torch_backend: str) -> list[str]:
    return ["--torch-backend", torch_backend] if torch_backend else []


def _unlocked_requirements(plan: Plan) -> list[str]:
    """The sources of an environment without a lockfile, as `uv pip compile` takes them."""
    arguments = [str(path) for path in sources(plan.definition)]
    for path in plan.definition.requirements:
        if path.name == "pyproject.toml":
            arguments += [part for extra in plan.definition.extras for part in ("--extra", extra)]
            arguments += [part for group in plan.definition.groups for part in ("--group", f"{path}:{group}")]
    if plan.lines is not None:
        arguments.append(str(plan.lines))
    return arguments
