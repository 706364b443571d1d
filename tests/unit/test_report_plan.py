"""`envs.plan` as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from envyard.commands.plan import Plan, PlannedEnvironment, Saving
from envyard.errors import RequirementsUnreadable
from envyard.planner import Unusable
from envyard.report.plan import plan_data, plan_text
from envyard.report.text import Style
from envyard.resolver import Target
from envyard.together import Sharing

ROOT = Path("workspace").absolute()
TARGET = Target(python="3.11", platform="linux-x86_64")
SAVING = Saving(apparent=300_000_000, apparent_merged=200_000_000, actual=210_000_000, actual_merged=200_000_000)
PLAN = Plan(
    environments=(
        PlannedEnvironment(
            keys=("classification", "model", "config-load"),
            sharing=Sharing(
                keys=("classification", "model", "config-load"),
                possible=True,
                targets=(TARGET,),
                pins={TARGET: {"demo": "1.0", "alpha": "2.0"}},
            ),
            saving=SAVING,
        ),
        PlannedEnvironment(keys=("sources",)),
        PlannedEnvironment(keys=("scoring",)),
    ),
    apart=(("classification", "sources"), ("classification", "scoring"), ("sources", "scoring")),
    unusable=(),
    notes=(),
    complete=True,
    proven=True,
    saving=SAVING,
    runs=12,
)


LINKED = "environments share the files of equal packages by links already"


def lines(plan: Plan, width: int | None = None) -> list[str]:
    return plan_text(plan, ROOT, Style(), width).splitlines()


def test_plan_with_its_proof_and_what_it_saves() -> None:
    assert lines(PLAN) == [
        "3 environments could hold all 5 projects",
        "fewer are not possible (12 runs of the resolver)",
        "",
        "projects                            python  files now  files then  disk now  disk then",
        "classification, model, config-load  3.11       300 MB      200 MB    210 MB     200 MB",
        "sources",
        "scoring",
        "",
        f"merging would save 100 MB of files, and 10 MB on disk: {LINKED}",
        "",
        "these cannot share an environment, found by asking the resolver:",
        "  classification  with  sources or scoring",
        "  sources  with  scoring",
        "to see why: `invoke envs.explain classification sources`",
        "",
        "this is a plan: nothing was changed",
    ]


def test_lines_keep_to_the_width_of_a_terminal() -> None:
    assert max(map(len, lines(PLAN, 80))) <= 80


def test_real_saving_on_disk_is_not_explained_away() -> None:
    saving = replace(SAVING, actual=300_000_000)
    assert "merging would save 100 MB of files, and 100 MB on disk" in lines(replace(PLAN, saving=saving))


def test_search_without_a_proof_says_so() -> None:
    text = lines(replace(PLAN, proven=False))
    assert text[1].startswith("fewer may be possible: there are too many ways")


def test_many_projects_apart_are_shown_in_part_and_not_as_all() -> None:
    apart = tuple((f"p{number:02}", "sources") for number in range(50))
    text = lines(replace(PLAN, apart=apart, complete=False))
    place = text.index("these cannot share an environment; not all of so many projects were asked about in pairs:")
    assert text[place + 1] == "  p00  with  sources"
    assert text[place + 21] == "  and 30 more lines: `invoke envs.plan --json` has them all"


def test_projects_that_all_need_their_own() -> None:
    plan = replace(PLAN, environments=PLAN.environments[1:], saving=None)
    assert lines(plan)[0] == "2 projects: each needs an environment of its own"


def test_sizes_are_unknown_without_environments() -> None:
    first = replace(PLAN.environments[0], saving=None, unbuilt=("model", "config-load"))
    text = lines(replace(PLAN, environments=(first, *PLAN.environments[1:]), saving=None))
    assert text[4].split()[-4:] == ["unknown"] * 4
    assert (
        "sizes are unknown where model and config-load have no environment yet: "
        "`invoke envs.setup model config-load`" in text
    )


def test_unusable_project_is_told_with_its_reason() -> None:
    error = RequirementsUnreadable("the requirement file x.in is missing")
    text = lines(replace(PLAN, unusable=(Unusable(key="scoring", error=error),), notes=("one more thing",)))
    place = text.index("`scoring` cannot be installed even by itself, so it stays alone:")
    assert text[place + 1] == "  the requirement file x.in is missing"
    assert "note: one more thing" in text


def test_data_has_the_versions_of_every_platform() -> None:
    data = plan_data(PLAN)
    assert data["environments"][0]["packages"] == {"linux-x86_64": {"demo": "1.0", "alpha": "2.0"}}
    assert data["saving"] == {
        "apparent": 300_000_000,
        "apparent_merged": 200_000_000,
        "actual": 210_000_000,
        "actual_merged": 200_000_000,
    }
