"""Small workspaces in the area of a Windows: packages of a few files, installed by pip without an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windows.machine import Machine


class SmallWorkspace:
    """A workspace in the area, whose projects install from its folder `wheels`. Make those with `kit.wheels`."""

    def __init__(self, windows: Machine, projects: Mapping[str, Sequence[str]], *, publish: str = "auto") -> None:
        self.windows = windows
        self.wheels = windows.area / "wheels"
        self.wheels.mkdir(parents=True)
        self.environment = {"PIP_FIND_LINKS": windows.path_of(self.wheels), "PIP_NO_CACHE_DIR": "1"}
        # uv does not start under Wine 8
        lines = ["[workspace]", 'name = "small"', 'python = "3.11"', 'installer = "pip"', f'publish = "{publish}"']
        for key, requirements in projects.items():
            folder = windows.area / key
            folder.mkdir()
            (folder / "requirements.in").write_text("".join(f"{one}\n" for one in requirements), encoding="utf-8")
            lines += [f"[projects.{key}]", f'path = "{key}"', f'requirements = ["{key}/requirements.in"]']
        (windows.area / "workspace.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
