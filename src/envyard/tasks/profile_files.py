"""Write profile files: `profiles.import`, `profiles.relax`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from invoke.context import Context

from envyard.errors import RequirementsConflict, UsageError
from envyard.platforms import PLATFORMS
from envyard.process import Cancellation
from envyard.report import complain, render_error, tell, write
from envyard.report.text import Style, width_of
from envyard.tasks.task import command, is_dry, workspace_here

_PLATFORM = f"Resolve for this platform ({', '.join(PLATFORMS)}); may be given several times."


@command(
    "import",
    metavar="FILE",
    iterable=("platform",),
    names="The JSON profile.",
    key="The env key of the new profile, instead of the one that its packages suggest.",
    platform=_PLATFORM,
    relax="When the pins contradict each other, loosen the fewest that have to be.",
    no_check="Do not ask the resolver whether the pins fit together.",
    overwrite="Replace a profile that is there already.",
)
def import_(
    context: Context,
    names: Sequence[str] = (),
    key: str = "",
    platform: Sequence[str] = (),
    relax: bool = False,
    no_check: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Turn the JSON hardware profile FILE into `profiles/<env key>.toml`.

    Its pins are checked by the resolver first, and nothing is written when they
    contradict each other; then the smallest change that resolves is shown.
    """
    from envyard.commands.profile_import import import_profile
    from envyard.report.progress import progress
    from envyard.report.relaxation import import_data, import_text

    if relax and no_check:
        raise UsageError("`--relax` has to ask the resolver, which `--no-check` forbids", hint="leave one of them out")
    file = Path(_one(names, "profiles.import", "a JSON file"))
    workspace = workspace_here()
    with progress(workspace, quiet=json) as listener:
        result = import_profile(
            workspace,
            file,
            key=key,
            relax=relax,
            check=not no_check,
            overwrite=overwrite,
            platforms=_platforms(platform),
            dry_run=is_dry(context, dry_run),
            listener=listener,
            cancellation=Cancellation(),
        )
    if json:
        from envyard.report.data import as_json

        write(as_json(import_data(result)))
    else:
        tell(import_text(result, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    if result.refused:
        found = result.examination is not None and result.examination.relaxation.found
        hint = "add `--relax` to make the change" if found else "change one of the lines named above"
        complain("\n" + render_error(RequirementsConflict(f"the pins of `{file}` contradict each other", hint=hint)))
    return result.exit_code


@command(metavar="KEY", iterable=("platform",), names="The profile: its env key.", platform=_PLATFORM)
def relax(
    context: Context,
    names: Sequence[str] = (),
    platform: Sequence[str] = (),
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Loosen the fewest requirements of the profile KEY so that all resolve.

    Each changed line gets a comment: what it was, what it contradicted, and what
    it resolves to. `--dry-run` shows the change.
    """
    from envyard.commands.relax import relax as loosen
    from envyard.report.progress import progress
    from envyard.report.relaxation import relax_data, relax_text

    key = _one(names, "profiles.relax", "an env key")
    workspace = workspace_here()
    with progress(workspace, quiet=json) as listener:
        result = loosen(
            workspace,
            key,
            platforms=_platforms(platform),
            dry_run=is_dry(context, dry_run),
            listener=listener,
            cancellation=Cancellation(),
        )
    if json:
        from envyard.report.data import as_json

        write(as_json(relax_data(result)))
    else:
        tell(relax_text(result, workspace.root, Style.of(sys.stdout), width_of(sys.stdout)))
    return result.exit_code


def _one(names: Sequence[str], task: str, what: str) -> str:
    if len(names) != 1:
        told = f"not {len(names)}: {', '.join(names)}" if names else "and none is named"
        raise UsageError(f"`{task}` takes {what}, {told}", hint=f"run `envyard --help {task}`")
    return names[0]


def _platforms(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in PLATFORMS:
            raise UsageError(f"`{name}` is no platform", hint=f"known are {', '.join(PLATFORMS)}")
    return tuple(dict.fromkeys(names))


COMMANDS = (import_, relax)
