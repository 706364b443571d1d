"""GitLab CI: the pipeline that plans, and the child pipeline with one job for each project and platform.

GitLab's own `parallel: matrix` is fixed when the pipeline begins; a child pipeline is made from what the plan found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from envyard.integrations.ci import CACHE, REPORTS, TOOLS_PYTHON, Commands, Job, commands_of
from envyard.project import Workspace

WORKFLOW = ".gitlab-ci.yml"

_RUNNERS = {
    "linux-x86_64": "saas-linux-small-amd64",
    "linux-aarch64": "saas-linux-small-arm64",
    "macos-arm64": "saas-macos-medium-m1",
    "macos-x86_64": "saas-macos-medium-amd64",
    "windows-x86_64": "saas-windows-medium-amd64",
    "windows-arm64": "saas-windows-medium-arm64",
}
_VERSION = re.compile(r"3\.(\d+)(?:\.\d+)?")
_PYTHONS = "/opt/pythons"


def child_pipeline(workspace: Workspace, jobs: Sequence[Job]) -> dict[str, Any]:
    """One job for each of `jobs`, and where there are none one that says so: GitLab refuses a pipeline without jobs.

    Printed as JSON, which is YAML too.
    """
    pipeline: dict[str, Any] = {"stages": ["test"], "workflow": {"rules": [{"when": "always"}]}}
    if not jobs:
        pipeline["nothing to test"] = {
            "stage": "test",
            "variables": {"GIT_STRATEGY": "none"},
            "script": ["echo no project is affected by this change"],
        }
    commands = commands_of(workspace)
    for job in jobs:
        pipeline[f"{job.session}: {job.platform}"] = _job(workspace, job, commands)
    return pipeline


def workflow(workspace: Workspace) -> str:
    """The text of `.gitlab-ci.yml`."""
    commands = commands_of(workspace)
    suite = [
        (platform, sessions)
        for place, platform in enumerate(workspace.ci.platforms)
        if (sessions := [*(workspace.ci.checks if place == 0 else ()), *workspace.ci.sessions])
    ]
    install = f"    - {commands.install}\n" if commands.install else ""
    pushed = " || ".join(_branch_rule(branch) for branch in workspace.ci.branches)
    branches = f"    - if: '{pushed}'\n" if pushed else ""
    own = "".join(_suite(workspace, commands, platform, sessions) for platform, sessions in suite)
    needs = "".join(f"\n    - 'suite: {platform}'" for platform, _sessions in suite)
    return f"""\
stages: [plan, test, gate]

workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
{branches}\
    - if: $CI_PIPELINE_SOURCE == "web"

plan:
  stage: plan
  image: python:{TOOLS_PYTHON}
  variables:
    GIT_DEPTH: "0" # what changed is asked of git
  script: # a merge request tests what it affects, a push everything
{install}\
    - >-
      {commands.python} -m envyard ci.matrix --format gitlab
      ${{CI_MERGE_REQUEST_DIFF_BASE_SHA:+--changed-since "$CI_MERGE_REQUEST_DIFF_BASE_SHA"}}
      > jobs.yml
  artifacts:
    paths: [jobs.yml]
    expire_in: 1 day

test:
  stage: test
  needs: [plan]
  trigger:
    include:
      - artifact: jobs.yml
        job: plan
    strategy: depend
{own}
gate:
  stage: gate
  needs:
    - plan
    - test{needs}
  variables:
    GIT_STRATEGY: none
  script:
    - echo everything that had to run was successful
"""


def _job(workspace: Workspace, job: Job, commands: Commands) -> dict[str, Any]:
    linux, windows = job.platform.startswith("linux-"), job.platform.startswith("windows-")
    image, more = _image(job) if linux else ("", [])
    install = [commands.install] if commands.install else []
    python = commands.powershell_python if windows else commands.python
    return {
        "stage": "test",
        "tags": [_runner(workspace, job.platform)],
        **({"image": image} if image else {}),
        "variables": {"GIT_DEPTH": "1", "UV_CACHE_DIR": f"$CI_PROJECT_DIR/{CACHE}", "ENVYARD_REPORTS": REPORTS},
        "cache": {"key": job.cache, "paths": [f"{CACHE}/"]},
        "script": [
            *more,
            *install,
            f"{python} -m envyard envs.setup-all --frozen --only {job.session}",
            f"{commands.nox} -s {job.session}",
            f"{python} -m uv cache prune --ci",
        ],
        "artifacts": {
            "when": "always",
            "expire_in": "30 days",
            "paths": [f"{REPORTS}/"],
            "reports": {"junit": f"{REPORTS}/*.xml"},
        },
    }


def _image(job: Job) -> tuple[str, list[str]]:
    """The image of a Linux job, and the commands that bring a Python which no image has beside that of envyard."""
    version = _VERSION.fullmatch(job.setup_python)
    if version is not None and int(version[1]) >= int(TOOLS_PYTHON.partition(".")[2]):
        return f"python:{job.setup_python}", []
    if not job.setup_python or _allows(job.python, TOOLS_PYTHON):
        return f"python:{TOOLS_PYTHON}", []
    return f"python:{TOOLS_PYTHON}", [
        f"python -m pip install --quiet uv && uv python install '{job.python}' --install-dir {_PYTHONS}",
        f'export PATH="$PATH:$(echo {_PYTHONS}/*/bin | tr " " ":")"',
    ]


def _allows(request: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # 75 ms, and only here

    try:
        return SpecifierSet(request).contains(f"{version}.99")
    except InvalidSpecifier:
        return False


def _suite(workspace: Workspace, commands: Commands, platform: str, sessions: Sequence[str]) -> str:
    install = f"    - {commands.install}\n" if commands.install else ""
    image = f"  image: python:{TOOLS_PYTHON}\n" if platform.startswith("linux-") else ""
    return f"""
'suite: {platform}':
  stage: test
  needs: []
  tags: [{json.dumps(_runner(workspace, platform))}]
{image}\
  script:
{install}\
    - {commands.nox} -s {" ".join(sessions)}
"""


def _branch_rule(branch: str) -> str:
    if "*" not in branch:
        return f'$CI_COMMIT_BRANCH == "{branch}"'
    pattern = re.escape(branch).replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace("/", r"\/")
    return f"$CI_COMMIT_BRANCH =~ /^{pattern}$/"


def _runner(workspace: Workspace, platform: str) -> str:
    return workspace.ci.runners.get(platform, _RUNNERS[platform])
