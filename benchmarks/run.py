"""Measures envyard against its alternatives on the six reference projects and prints tables of ratios.

    python benchmarks/run.py [--quick] [--only NAME] [--rounds N] [--keep]

See docs/benchmarks.md. Exit codes: 0 everything was measured, 1 something failed, 2 usage, 130 Ctrl-C.
A missed target is a result, not a failure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from alternatives import fill
from machine import describe_machine
from measure import measure
from processes import CommandFailed
from report import render, to_json
from results import ScenarioResult
from scenarios import GB, PLANS, Options, Plan
from workplace import Unusable, Workplace, install_tools, open_workplace, require_free_space

REPOSITORY = Path(__file__).resolve().parent.parent
FILLED_CACHE = 10 * GB
PIP_ENVIRONMENTS = 15 * GB


def main() -> int:
    """Run what the command line asks for."""
    arguments = _parser().parse_args()
    if sys.platform == "win32":
        print("error: the benchmark runs on Linux and macOS", file=sys.stderr)
        return 1
    lockfiles = arguments.lockfiles.resolve()
    try:
        with open_workplace(arguments.work, REPOSITORY, lockfiles, arguments.cache, keep=arguments.keep) as place:
            return _run(place, arguments)
    except (Unusable, CommandFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing is left behind but what `--keep` keeps", file=sys.stderr)
        return 130


def _run(place: Workplace, arguments: argparse.Namespace) -> int:
    names = [name for name in PLANS if _wanted(name, arguments)]
    plans = {name: PLANS[name] for name in names}
    require_free_space(place.root, _needed(plans.values(), place, full=arguments.full))
    _tell("installing the peers and envyard's dependencies")
    install_tools(place)
    machine, versions = describe_machine(place.root), place.versions()
    options = Options(quick=arguments.quick, full=arguments.full, rounds=arguments.rounds)
    results: list[ScenarioResult] = []
    for name, plan in plans.items():
        if plan.needs_reference and not place.reference:
            _tell("filling the shared cache and making the reference environments")
            fill(place)
        results.append(measure(plan.make(place, options), place.root / "rounds" / name, _tell))
    print(render(results, machine, versions))
    if arguments.json:
        arguments.json.write_text(to_json(results, machine, versions), encoding="utf-8")
    return int(any(row.failure for result in results for row in result.results))


def _wanted(name: str, arguments: argparse.Namespace) -> bool:
    if arguments.only:
        return name in arguments.only
    return not (arguments.quick and name == "cold")


def _needed(plans: Iterable[Plan], place: Workplace, *, full: bool) -> int:
    """Bytes of disk: one scenario at a time, beside the shared cache."""
    shared = 0 if place.cache.exists() else FILLED_CACHE
    extra = PIP_ENVIRONMENTS if full else 0
    return max(plan.disk for plan in plans) + shared + extra


def _tell(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description="Measure envyard against its alternatives.")
    parser.add_argument(
        "--quick", action="store_true", help="one round, fewer small projects, no cold scenario unless `--only cold`"
    )
    parser.add_argument(
        "--full", action="store_true", help="also `python -m venv` and pip on cold caches (slow, 20 GB more)"
    )
    parser.add_argument(
        "--only", action="append", choices=list(PLANS), metavar="NAME", help=f"one of {', '.join(PLANS)}; repeatable"
    )
    parser.add_argument("--rounds", type=_positive, metavar="N", help="rounds of every scenario")
    parser.add_argument("--keep", action="store_true", help="keep the tools and the filled cache for the next run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample as JSON")
    parser.add_argument(
        "--work",
        type=Path,
        metavar="FOLDER",
        default=REPOSITORY / "build" / "benchmark",
        help="work folder, emptied at the end",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="a filled uv cache to share, never removed; on the disk of the work folder",
    )
    parser.add_argument(
        "--lockfiles", type=Path, metavar="FOLDER", default=REPOSITORY / "requirements", help="where the lockfiles are"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
