"""The definitions of shared environments, and what fits this machine: `profiles.list`, `.show`, `.detect`, `.lock`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from invoke.context import Context

from envyard.errors import UsageError
from envyard.report import complain, render_error, tell, write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, workspace_here

_HARDWARE = "Look at this hardware in place of what is found: cpu, mps, rocm:6.1, cuda:8.9 or cuda:8.9:550.54."
_UPGRADE = "Take the newest versions that the requirements allow."
_REHASH = "Keep the versions, and take the hashes that the index has now."


@command("list", hardware=_HARDWARE)
def list_(_context: Context, hardware: str = "", json: bool = False) -> int:
    """List the profiles: what each serves, and whether it fits this machine.

    `environment` is the health of the shared environment that was made of it;
    `nearly` says that only the compute capability is not listed.
    """
    from envyard.commands.profiles import list_profiles
    from envyard.report.profiles import profiles_data, profiles_table

    result = list_profiles(workspace_here(), hardware)
    if json:
        from envyard.report.data import as_json

        write(as_json(profiles_data(result)))
    else:
        tell(profiles_table(result, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(metavar="KEY", names="The profile: its env key, or its title.", hardware=_HARDWARE)
def show(_context: Context, names: Sequence[str] = (), hardware: str = "", json: bool = False) -> int:
    """Show all about one profile: everything it extends is filled in."""
    from envyard.commands.profiles import show_profile
    from envyard.report.profiles import profile_text, row_data

    if len(names) != 1:
        told = f"not {len(names)}: {', '.join(names)}" if names else "and none is named"
        raise UsageError(f"`profiles.show` takes one env key, {told}", hint="run `invoke profiles.list` to see them")
    workspace = workspace_here()
    row = show_profile(workspace, names[0], hardware)
    if json:
        from envyard.report.data import as_json

        write(as_json(row_data(row)))
    else:
        tell(profile_text(row, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(hardware=_HARDWARE)
def detect(_context: Context, hardware: str = "", json: bool = False) -> int:
    """Say what hardware is here, and why each profile fits it or not.

    Also: which profile a model gets, for everything that the profiles serve.
    """
    from envyard.commands.profiles import detect as look
    from envyard.report.profiles import detection_data, detection_text

    result = look(workspace_here(), hardware)
    if json:
        from envyard.report.data import as_json

        write(as_json(detection_data(result)))
    else:
        tell(detection_text(result, Style.of(sys.stdout), width_of(sys.stdout)))
    return 0


@command(metavar="KEY ...", names="Profiles, each by its env key or title.", upgrade=_UPGRADE, rehash=_REHASH)
def lock(
    _context: Context, names: Sequence[str] = (), upgrade: bool = False, rehash: bool = False, json: bool = False
) -> int:
    """Write the lockfiles that profiles name in `[packages.lockfiles]`.

    Pins stay where they can; `--upgrade` takes the newest versions.
    """
    from envyard.commands.lock import lock_profiles
    from envyard.process import Cancellation
    from envyard.profile import find_profile
    from envyard.profilefile import load_profiles
    from envyard.report.data import as_json, lock_data
    from envyard.report.progress import progress
    from envyard.report.summary import lock_summary

    workspace = workspace_here()
    known = load_profiles(workspace.root)
    profiles = [find_profile(known, name) for name in names]
    if not profiles:
        raise UsageError("`profiles.lock` needs an env key", hint="run `invoke profiles.list` to see them")
    without = [profile.key for profile in profiles if not profile.lockfiles]
    if without:
        hint = "name one a platform in its table `[packages.lockfiles]`, see docs/profiles.md"
        raise UsageError(f"no lockfile is named by {', '.join(without)}", hint=hint)
    with progress(workspace, quiet=json) as listener:
        options = {"upgrade": upgrade, "rehash": rehash}
        result = lock_profiles(workspace, profiles, **options, listener=listener, cancellation=Cancellation())
    if json:
        write(as_json(lock_data(result)))
    else:
        tell(lock_summary(result, Style.of(sys.stdout), width_of(sys.stdout)))
        for outcome in result.outcomes:
            if outcome.error is not None:
                complain(render_error(outcome.error))
    return result.exit_code


COMMANDS = (list_, show, detect, lock)
