"""The tables of environments, and all that is known of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from envyard.commands.overview import EnvironmentReport, Overview
from envyard.commands.shared import LEGACY_KIND
from envyard.definition import Kind
from envyard.report.page.markup import Child, Markup, element, join
from envyard.report.page.parts import Head, badge, prose, section, table, when
from envyard.report.tables import relative
from envyard.report.text import count, size

_KINDS = {str(Kind.PROFILE): "shared", LEGACY_KIND: "old"}


def environments_section(overview: Overview) -> tuple[str, Markup] | None:
    """A row for each environment of a project."""
    if not overview.projects:
        return None
    heads = (
        Head(title="Environment"),
        Head(title="Health", label=False),
        Head(title="Python", number=True),
        Head(title="Packages", number=True),
        Head(title="Files", number=True),
        Head(title="Own", number=True),
        Head(title="Built", number=True),
        Head(title="Last used", number=True),
    )
    rows = [
        (
            _name(one),
            _health(one, overview.root),
            one.python_version,
            str(len(one.environment.packages)) if one.environment else "",
            *_sizes(one),
            when(one.created),
            when(one.last_used),
        )
        for one in overview.projects
    ]
    note = prose("`Files` counts all files of an environment, `Own` those that it shares with no other one.")
    return "environments", section(
        "environments", "Environments", table(heads, rows, caption="The environments of the projects"), note=note
    )


def models_section(overview: Overview) -> tuple[str, Markup] | None:
    """The environments that models share, the old ones of single models, and what each model was given last."""
    if not overview.of_models and not overview.models:
        return None
    heads = (
        Head(title="Environment"),
        Head(title="Health", label=False),
        Head(title="Kind"),
        Head(title="Python", number=True),
        Head(title="Models"),
        Head(title="Files", number=True),
        Head(title="Own", number=True),
        Head(title="Last used", number=True),
    )
    rows = [
        (
            _name(one),
            _health(one, overview.root),
            _KINDS.get(one.kind, one.kind),
            one.python_version,
            _lines([_model(model, overview.root) for model in one.models]),
            *_sizes(one),
            when(one.last_used),
        )
        for one in overview.of_models
    ]
    tables = [table(heads, rows, caption="The environments of models")] if rows else []
    if overview.models:
        tables += [element("h3", "What each model was given last"), _choices(overview)]
    note = "A shared environment serves every model of a profile, an old one a single model."
    return "models", section("models", "Models", *tables, note=note)


def _choices(overview: Overview) -> Markup:
    heads = (
        Head(title="Model"),
        Head(title="Environment"),
        Head(title="Answer"),
        Head(title="Last asked", number=True),
    )
    rows = [
        (
            element("span", _model(record.model, overview.root), class_="who"),
            relative(Path(record.legacy), overview.root) if record.legacy else record.key,
            join(
                [
                    record.source,
                    element("p", "less than its profile promises since ", when(record.degraded_since), class_="reason")
                    if record.degraded_since
                    else None,
                    element("p", prose(record.reason, overview.root), class_="reason") if record.reason else None,
                ]
            ),
            when(record.used),
        )
        for record in overview.models
    ]
    return table(heads, rows, caption="What each model was given last")


def details_section(overview: Overview) -> tuple[str, Markup] | None:
    """All that is known of each environment, folded."""
    found = [_details(one, overview.root) for one in overview.environments if one.environment is not None]
    if not found:
        return None
    return "details", section("details", "Details", element("div", *found, class_="folds"))


def _details(one: EnvironmentReport, root: Path) -> Markup:
    environment = one.environment
    assert environment is not None
    facts: Sequence[tuple[str, Child]] = (
        ("path", relative(one.path, root)),
        ("python", f"{environment.interpreter.version}, made from {environment.interpreter.executable}"),
        ("installer", environment.installer),
        ("generation", environment.generation),
        ("built because", prose("; ".join(environment.reasons))),
    )
    entries = [join([element("dt", name), element("dd", text)]) for name, text in facts if text]
    packages = [
        element("li", element("span", name), " ", element("span", version, class_="version"))
        for name, version in sorted(environment.packages.items())
    ]
    return element(
        "details",
        element(
            "summary",
            element("strong", one.title),
            " ",
            badge(one.grade),
            " ",
            element("span", f"{environment.interpreter.version}, {count(len(packages), 'package')}", class_="aside"),
        ),
        element("dl", *entries),
        element("ul", *packages, class_="packages") if packages else None,
    )


def _name(one: EnvironmentReport) -> Markup:
    key = element("span", one.key, class_="key") if one.key.casefold() != one.title.casefold() else None
    return join([element("span", one.title, class_="who"), key])


def _health(one: EnvironmentReport, root: Path) -> Markup:
    reasons = [element("p", prose(reason, root), class_="reason") for reason in one.reasons]
    if one.degraded_since is not None:
        reasons.append(element("p", "less than it should be since ", when(one.degraded_since), class_="reason"))
    return join([badge(one.grade), *reasons])


def _sizes(one: EnvironmentReport) -> tuple[str, str]:
    return (size(one.apparent_bytes), size(one.unique_bytes)) if one.apparent_bytes else ("", "")


def _model(model: str, root: Path) -> str:
    return relative(Path(model), root) if os.path.isabs(model) else model


def _lines(texts: Sequence[str]) -> Markup:
    return join([element("span", text, class_="line") for text in texts])
