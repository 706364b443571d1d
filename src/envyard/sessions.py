"""nox sessions: one for each project of a workspace, which tests it in its own environment.

A `noxfile.py` needs two lines for it:

    from envyard.sessions import register_sessions
    register_sessions(Path(__file__).parent)

Every `nox -l` imports this module, so the engine is imported inside a session only. nox makes no environment for these
sessions (backend "none"): envyard does, at the start of the session, and does nothing when it is there already.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import nox
import nox.command

from envyard.errors import Cancelled, EnvironmentMissing, EnvyardError
from envyard.files import file_unusable, path_unwritable
from envyard.interrupts import STOP_SIGNALS
from envyard.process import environment_variable
from envyard.project import Project, Workspace
from envyard.workspace import load_workspace

if TYPE_CHECKING:
    from envyard.events import Event, Listener
    from envyard.integrations.results import Report

PROJECTS_TAG = "projects"
"""The tag of every project's session: `nox -t projects` tests them all."""

REPORTS_VARIABLE = "ENVYARD_REPORTS"
"""A folder, relative to the workspace: each session writes `<session>.xml` (JUnit) and `<session>.json` there."""

# How long tests may take to clean up after Ctrl-C, in seconds; nox's own 0.3 kills a pytest that closes its fixtures.
_INTERRUPT_TIMEOUT = 5.0
_TERMINATE_TIMEOUT = 2.0


def register_sessions(folder: Path) -> None:
    """Make a nox session of each project of the workspace in `folder`: `nox -s <key>`, `nox -t <tag>`.

    Mistakes in its `workspace.toml` end nox with the list of them and exit code 2.
    """
    try:
        workspace = load_workspace(folder)
    except (EnvyardError, UnicodeEncodeError) as problem:
        from envyard.report import complain, render_error  # only mistakes need it

        error = path_unwritable(problem) if isinstance(problem, UnicodeEncodeError) else problem
        complain(render_error(error))
        sys.exit(error.exit_code)
    for project in workspace.projects:
        register = nox.session(
            name=project.key,
            python=project.python,
            venv_backend="none",
            tags=[*project.tags, PROJECTS_TAG],
            allow_parallel=True,
        )
        register(_session_function(workspace, project))


def _session_function(workspace: Workspace, project: Project) -> Callable[[nox.Session], None]:
    def session_function(session: nox.Session) -> None:
        with (
            _expected_errors(session, project),
            _stopped_as_by_interrupt(),
            _reported(session, workspace, project) as report,
        ):
            _refuse_what_nox_cannot_choose(session, project)
            _prepare(session, workspace, project)
            _run_tests(session, workspace, project, report)

    session_function.__doc__ = _description(project)
    return session_function


def _description(project: Project) -> str:
    """What `nox -l` shows (the first line) and `nox --usage <key>` (all of it)."""
    command = " ".join(project.test_command)
    return f"""{project.title}: {project.description or "its tests"}

Runs `{command}` in `{project.test_folder}`
with the environment `{project.link}`,
which is made first when it is not there or its definition changed. Arguments after `--` go to the command.

    -R, --no-install  take the environment as it is
    --install-only    make the environment, run nothing
"""


def _refuse_what_nox_cannot_choose(session: nox.Session, project: Project) -> None:
    """Without this, `nox -P 3.12` would run the tests with another Python and say that it was 3.12."""
    if session.python != project.python:
        raise EnvyardError(
            f"`{project.key}` is tested with Python {project.python}, not {session.python}",
            hint=f"change `python` of `[projects.{project.key}]` in workspace.toml, then run `nox -s {project.key}`",
        )
    if session.venv_backend != "none":
        raise EnvyardError(
            f"`{project.key}` is tested in an environment of envyard, not in one of {session.venv_backend}",
            hint=f"run `nox -s {project.key}` without `--force-venv-backend`",
        )


def _prepare(session: nox.Session, workspace: Workspace, project: Project) -> None:
    """The environment is there afterwards. Raises `EnvyardError`."""
    if session._runner.global_config.no_install:  # `run_install` does not skip anything with backend "none"
        _check(session, workspace, project)
        return
    from envyard.definition import project_definition
    from envyard.provision import Action, ensure_all
    from envyard.store import Store

    logging.getLogger("virtualenv").setLevel(logging.WARNING)  # nox shows what every library has to say at DEBUG
    definition = project_definition(workspace, project)
    (outcome,) = ensure_all(Store(workspace.store), [definition], listener=_listener(session))
    if outcome.error is not None:
        raise outcome.error
    if outcome.action == Action.KEPT and outcome.reasons:
        session.warn(f"[{project.key}] {'; '.join(outcome.reasons)}")


def _check(session: nox.Session, workspace: Workspace, project: Project) -> None:
    """`-R`: take the environment as it is, but say when it is not what workspace.toml asks for."""
    from envyard.commands.run import usable_environment
    from envyard.definition import project_definition
    from envyard.fingerprint import take_fingerprint
    from envyard.health import check_health
    from envyard.store import Store

    try:
        environment = usable_environment(Store(workspace.store), project)
    except EnvironmentMissing as error:
        hint = f"run `nox -s {project.key}` without `-R` or `--no-install`"
        raise EnvironmentMissing(error.message, hint=hint) from error
    health = check_health(environment, take_fingerprint(project_definition(workspace, project)))
    if health.reasons:
        session.warn(f"[{project.key}] used as it is, though {health.grade}: {'; '.join(health.reasons)}")


def _run_tests(session: nox.Session, workspace: Workspace, project: Project, report: Report | None) -> None:
    from envyard.commands.run import activated
    from envyard.definition import Kind
    from envyard.locks import take_lease
    from envyard.store import Store

    store = Store(workspace.store)
    with take_lease(store, Kind.PROJECT, project.key) as lease, session.chdir(project.test_folder):
        store.touch(Kind.PROJECT, project.key)
        variables = activated(lease.environment, project.environment)
        variables.pop(REPORTS_VARIABLE, None)  # tests that start nox themselves write no reports over this one
        name, *arguments = project.test_command
        program = shutil.which(name, path=variables["PATH"])
        if program is None:
            raise EnvyardError(
                f"`{name}`, the test command of `{project.key}`, is neither in its environment nor on PATH",
                hint="add the package that brings it to `test-requirements`, or correct `test-command`",
            )
        if report is not None:
            report.environment = lease.environment
            arguments += report.arguments([name, *arguments, *session.posargs])
        session.run(
            program,
            *arguments,
            *session.posargs,
            env=variables,
            include_outer_env=False,  # `variables` is all of it, without what misleads a child python
            external=True,
            interrupt_timeout=_INTERRUPT_TIMEOUT,
            terminate_timeout=_TERMINATE_TIMEOUT,
        )


# --- results for CI


@contextlib.contextmanager
def _reported(session: nox.Session, workspace: Workspace, project: Project) -> Iterator[Report | None]:
    """With the variable ENVYARD_REPORTS: write what became of the session into that folder, however it ends."""
    folder = environment_variable(REPORTS_VARIABLE)
    if not folder or session._runner.global_config.install_only:
        yield None
        return
    from envyard.integrations.results import Report

    report = Report(workspace.root / folder, project)
    try:
        yield report
    except nox.command.CommandFailed as error:
        code = error.return_code
        if code is not None and not 0 <= code < _CRASHED:  # a crash: the tests had no say
            report.write("error", exit_code=code, message=f"the test command was ended by {_signal_name(code)}")
        else:
            report.write("failed", exit_code=code, message=str(error.reason or error))
        raise
    except BaseException as error:
        report.write("error", message="stopped" if isinstance(error, KeyboardInterrupt) else str(error))
        raise
    report.write("passed", exit_code=0)


_CRASHED = 0xC0000000  # Windows: the first of the codes of a process that was ended, such as by an access violation


def _signal_name(code: int) -> str:
    try:
        return f"the signal {signal.Signals(-code).name}"
    except ValueError:
        return f"a crash (0x{code & 0xFFFFFFFF:08X})"


# --- errors and signals


@contextlib.contextmanager
def _expected_errors(session: nox.Session, project: Project) -> Iterator[None]:
    """What a user can mend becomes one message of nox; only a bug shows a traceback."""
    try:
        yield
    except Cancelled as error:
        raise KeyboardInterrupt from error
    except EnvyardError as error:
        session.error(str(error))
    except OSError as error:
        session.error(str(file_unusable(project.key, error)))
    except ModuleNotFoundError as error:
        _report_missing_module(session, error)


def _report_missing_module(session: nox.Session, error: ModuleNotFoundError) -> NoReturn:
    if error.name is None or error.name.partition(".")[0] == "envyard":
        raise error
    session.error(
        f"this nox lacks `{error.name}`, which envyard needs\n\n"
        "hint: run nox as `./scripts/run_tests.sh`, or `. .envs/tools/bin/activate` after `./scripts/setup_all_envs.sh`"
    )


@contextlib.contextmanager
def _stopped_as_by_interrupt() -> Iterator[None]:
    """`nox -j` ends its children with SIGTERM, also on Ctrl-C: an installer must end with them."""
    previous = [(one, signal.signal(one, signal.default_int_handler)) for one in STOP_SIGNALS if one != signal.SIGINT]
    try:
        yield
    finally:
        for one, handler in previous:
            signal.signal(one, handler)


# --- progress


def _listener(session: nox.Session) -> Listener:
    from envyard.events import OutputLine  # the events take 10 ms, which `nox -l` would notice
    from envyard.report.lines import LineReporter

    tell = LineReporter(session.log)
    if not session._runner.global_config.verbose:  # nox has no public word for it
        return tell

    def tell_all(event: Event) -> None:
        if isinstance(event, OutputLine):
            session.log(f"[{event.key}] {event.line}")
        else:
            tell(event)

    return tell_all
