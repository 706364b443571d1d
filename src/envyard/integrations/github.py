"""GitHub Actions: the matrix as a job's outputs, and the workflow that tests what the matrix names."""

from __future__ import annotations

import json
from collections.abc import Sequence

from envyard.errors import EnvyardError
from envyard.integrations.ci import CACHE, REPORTS, TOOLS_PYTHON, Commands, Job, commands_of
from envyard.project import Workspace

WORKFLOW = ".github/workflows/ci.yml"

MOST_JOBS = 256
"""What GitHub runs of one matrix."""

_RUNNERS = {
    "linux-x86_64": "ubuntu-latest",
    "linux-aarch64": "ubuntu-24.04-arm",
    "macos-arm64": "macos-latest",
    "macos-x86_64": "macos-15-intel",
    "windows-x86_64": "windows-latest",
    "windows-arm64": "windows-11-arm",
}
# By commit: a tag can be moved to other code. A newer one in the file that is there already stays.
_CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
_SETUP_PYTHON = "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0"
_CACHE = "actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0"
_UPLOAD = "actions/upload-artifact@330a01c490aca151604b8cf639adc76d48f6c5d4 # v5.0.0"


def matrix_outputs(workspace: Workspace, jobs: Sequence[Job]) -> str:
    """Lines for `$GITHUB_OUTPUT`: `count` of jobs and `matrix`, for `strategy.matrix: ${{ fromJSON(...) }}`."""
    if len(jobs) > MOST_JOBS:
        raise EnvyardError(
            f"{len(jobs)} jobs are more than the {MOST_JOBS} that GitHub runs of one matrix",
            hint="name fewer `platforms` in `[ci]` of workspace.toml",
        )
    rows = [
        {
            "name": f"{job.title} ({job.platform})",
            "session": job.session,
            "platform": job.platform,
            "runner": _runner(workspace, job.platform),
            "python": job.setup_python,
            "cache": job.cache,
        }
        for job in jobs
    ]
    return f"count={len(rows)}\nmatrix={_json({'include': rows})}"


def workflow(workspace: Workspace) -> str:
    """The text of the workflow."""
    commands = commands_of(workspace)
    own = workspace.ci.sessions or workspace.ci.checks
    parts = [_head(workspace), _plan(commands), _test(commands)]
    if own:
        parts.append(_suite(workspace, commands))
    parts.append(_gate(with_suite=bool(own)))
    return "\n".join(parts)


def _head(workspace: Workspace) -> str:
    branches = list(workspace.ci.branches)  # GitHub refuses an empty list
    push = f"  push:\n    branches: {_json(branches)}\n" if branches else ""
    return f"""\
name: ci

on:
{push}\
  pull_request:
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}
  cancel-in-progress: ${{{{ github.event_name == 'pull_request' }}}}

jobs:"""


def _plan(commands: Commands) -> str:
    return f"""\
  plan:
    name: plan
    runs-on: ubuntu-latest
    timeout-minutes: 10
    outputs:
      count: ${{{{ steps.matrix.outputs.count }}}}
      matrix: ${{{{ steps.matrix.outputs.matrix }}}}
    steps:
      - uses: {_CHECKOUT}
        with:
          fetch-depth: 0 # what changed is asked of git
          persist-credentials: false
{_python_step()}{_install_step(commands)}\
      - name: The projects to test
        id: matrix
        env:
          BASE: ${{{{ github.event.pull_request.base.sha }}}} # a pull request tests what it affects, a push everything
        run: |
          {commands.python} -m envyard ci.matrix --format github ${{BASE:+--changed-since "$BASE"}} >> "$GITHUB_OUTPUT"
"""


def _test(commands: Commands) -> str:
    return f"""\
  test:
    name: ${{{{ matrix.name }}}}
    needs: plan
    if: needs.plan.outputs.count != '0' # an empty matrix would be an error
    runs-on: ${{{{ matrix.runner }}}}
    timeout-minutes: 90
    strategy:
      fail-fast: false
      matrix: ${{{{ fromJSON(needs.plan.outputs.matrix) }}}}
    defaults:
      run:
        shell: bash
    env:
      ENVYARD_REPORTS: {REPORTS}
      UV_CACHE_DIR: ${{{{ github.workspace }}}}/{CACHE}
    steps:
{_checkout_step()}{_python_step("${{ matrix.python }}")}\
      - uses: {_CACHE}
        with:
          path: {CACHE}
          key: ${{{{ matrix.cache }}}} # zizmor: ignore[cache-poisoning] nothing is published from here
{_install_step(commands)}\
      - name: The environment, as its lockfile says
        env:
          SESSION: ${{{{ matrix.session }}}}
        run: |
          {commands.python} -m envyard envs.setup-all --frozen --only "$SESSION"
      - name: The tests
        env:
          SESSION: ${{{{ matrix.session }}}}
        run: |
          {commands.nox} -s "$SESSION"
      - name: Keep in the cache what was built, not what is quick to fetch
        run: |
          {commands.python} -m uv cache prune --ci
{_upload_step("${{ matrix.session }}-${{ matrix.platform }}", REPORTS)}"""


def _suite(workspace: Workspace, commands: Commands) -> str:
    """The further sessions of the noxfile: on each platform, and the checks on the first only."""
    rows = []
    for place, platform in enumerate(workspace.ci.platforms):
        sessions = [*(workspace.ci.checks if place == 0 else ()), *workspace.ci.sessions]
        if sessions:
            rows.append((platform, _runner(workspace, platform), " ".join(sessions)))
    include = "".join(
        f"          - platform: {platform}\n            runner: {_json(runner)}\n            sessions: {sessions}\n"
        for platform, runner, sessions in rows
    )
    return f"""\
  suite:
    name: suite (${{{{ matrix.platform }}}})
    runs-on: ${{{{ matrix.runner }}}}
    timeout-minutes: 90
    strategy:
      fail-fast: false
      matrix:
        include:
{include}\
    defaults:
      run:
        shell: bash
    steps:
{_checkout_step()}{_python_step()}{_install_step(commands)}\
      - name: The sessions
        env:
          SESSIONS: ${{{{ matrix.sessions }}}}
        run: |
          # shellcheck disable=SC2086 # several names
          {commands.nox} -s $SESSIONS
"""


def _gate(*, with_suite: bool) -> str:
    """One job for the rules of a branch to ask for: names of matrix jobs come and go with the projects."""
    needs = ["plan", "test", *(["suite"] if with_suite else [])]
    return f"""\
  gate:
    name: gate
    if: always()
    needs: {_json(needs)}
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - name: Everything that had to run was successful
        env:
          COUNT: ${{{{ needs.plan.outputs.count }}}}
          PLAN: ${{{{ needs.plan.result }}}}
          TEST: ${{{{ needs.test.result }}}}
{"          SUITE: ${{ needs.suite.result }}" + chr(10) if with_suite else ""}\
        run: |
          echo "plan: $PLAN, test: $TEST of $COUNT jobs{", suite: $SUITE" if with_suite else ""}"
          [ "$PLAN" = success ]
{'          [ "$SUITE" = success ]' + chr(10) if with_suite else ""}\
          if [ "$COUNT" = 0 ]; then
            [ "$TEST" = skipped ]
          else
            [ "$TEST" = success ]
          fi
"""


def _checkout_step() -> str:
    return f"""\
      - uses: {_CHECKOUT}
        with:
          persist-credentials: false
"""


def _python_step(more: str = "") -> str:
    """Python for envyard and, before it, for the project; the last one is the `python` of the steps."""
    if not more:
        return f"""\
      - uses: {_SETUP_PYTHON}
        with:
          python-version: "{TOOLS_PYTHON}"
"""
    return f"""\
      - uses: {_SETUP_PYTHON}
        with:
          python-version: |
            {more}
            {TOOLS_PYTHON}
"""  # an empty line, for an interpreter that cannot be brought, is none


def _install_step(commands: Commands) -> str:
    return f"      - run: {commands.install}\n" if commands.install else ""


def _upload_step(name: str, path: str) -> str:
    return f"""\
      - uses: {_UPLOAD}
        if: ${{{{ !cancelled() }}}}
        with:
          name: {path}-{name}
          path: {path}/
          if-no-files-found: ignore
"""


def _runner(workspace: Workspace, platform: str) -> str:
    return workspace.ci.runners.get(platform, _RUNNERS[platform])


def _json(value: object) -> str:
    """JSON in one line, which is YAML too."""
    return json.dumps(value, separators=(",", ":") if isinstance(value, dict) else (", ", ": "))
