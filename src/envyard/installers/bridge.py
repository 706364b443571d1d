"""pip's configuration, told to uv, which does not read it.

A company's index in `pip.conf` or `PIP_*` serves both installers then. A user's own `UV_*` variable always wins. The
files and their order are those of pip's documentation ("Configuration"); the options that matter for reaching an
index are bridged, nothing else.
"""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from envyard.fileoptions import has_further_index

_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "timeout", "trusted-host")


def pip_options(environment: Mapping[str, str]) -> dict[str, str]:
    """pip's options as `pip install` would see them: files from general to specific, then `PIP_*` variables.

    A section `install` in any file goes before a section `global` in any other; empty values do not count.
    """
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for path in _configuration_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself will complain; uv can still work
        for section, options in sections.items():
            if parser.has_section(section):
                options.update({_option(name): value for name, value in parser.items(section)})
    variables = {_option(name.removeprefix("PIP_")): value for name, value in environment.items() if name[:4] == "PIP_"}
    options = {}
    for source in (*sections.values(), variables):
        options.update({name: value.strip() for name, value in source.items() if name in _OPTIONS and value.strip()})
    return options


def uv_variables(environment: Mapping[str, str], lines: Sequence[str] = ()) -> dict[str, str]:
    """The `UV_*` variables that make uv use the indexes pip is configured for.

    The `lines` of requirement files that name an index go before it, as they do for pip.
    """
    options = pip_options(environment)
    variables: dict[str, str] = {}
    named = any(line.startswith("--index-url") for line in lines)
    if "index-url" in options and "UV_INDEX_URL" not in environment and not named:
        variables["UV_DEFAULT_INDEX"] = options["index-url"]
    if "extra-index-url" in options and not environment.keys() & {"UV_INDEX", "UV_EXTRA_INDEX_URL"}:
        variables["UV_INDEX"] = " ".join(options["extra-index-url"].split())
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # what pip does
    if has_further_index(lines):
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "find-links" in options:
        variables["UV_FIND_LINKS"] = ",".join(options["find-links"].split())
    if "cert" in options:
        variables["SSL_CERT_FILE"] = options["cert"]
    if "timeout" in options:
        with contextlib.suppress(ValueError, OverflowError):  # uv takes whole seconds only, pip also 2.5
            variables["UV_HTTP_TIMEOUT"] = str(math.ceil(float(options["timeout"])))
    if "trusted-host" in options:
        variables["UV_INSECURE_HOST"] = " ".join(options["trusted-host"].split())
    return {name: value for name, value in variables.items() if name not in environment}


def uv_arguments(environment: Mapping[str, str]) -> list[str]:
    """What no `UV_*` variable can say: `--no-index`, unless the user names an index for uv."""
    no_index = pip_options(environment).get("no-index", "").lower() in ("1", "true", "t", "yes", "y", "on")
    named = environment.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"}
    return ["--no-index"] if no_index and not named else []


def index_configuration(environment: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    """Everything that decides which packages uv finds when it runs in `folder`: two equal ones find the same.

    The variables of uv (those that pip's configuration comes to as well), and the configuration files that uv reads.
    More may differ than matters; then something is only asked once more.
    """
    variables = {name: value for name, value in environment.items() if name.startswith("UV_")}
    found = [f"{name}={value}" for name, value in sorted({**uv_variables(environment), **variables}.items())]
    return (*found, *uv_arguments(environment), *(_content(path) for path in _uv_files(environment, folder)))


def _uv_files(environment: Mapping[str, str], folder: Path) -> list[Path]:
    """uv's own configuration: of the folder, the user, the machine (uv's documentation, "Configuration files")."""
    if environment.get("UV_NO_CONFIG"):
        return []
    named = environment.get("UV_CONFIG_FILE", "")
    if named:
        return [Path(named)]
    local = [above / name for above in (folder, *folder.parents) for name in ("uv.toml", "pyproject.toml")]
    if sys.platform == "win32":
        user = Path(environment.get("APPDATA", str(Path.home())))
        machine = [Path(environment.get("PROGRAMDATA", "C:/ProgramData"))]
    else:
        user = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        machine = [Path(part) for part in (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if part]
        machine.append(Path("/etc"))
    return [*local, *(place / "uv" / "uv.toml" for place in (user, *machine))]


def _content(path: Path) -> str:
    """A file by its place and content, "" when it cannot be read."""
    try:
        return f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError:
        return ""


def _option(name: str) -> str:
    """An option's name as pip compares it: `INDEX_URL`, `index_url` and `--index-url` are the same."""
    return name.lower().replace("_", "-").removeprefix("--")


def _configuration_files(environment: Mapping[str, str]) -> list[Path]:
    """pip's configuration files that exist, from general to specific; PIP_CONFIG_FILE takes the place of the user's."""
    own = environment.get("PIP_CONFIG_FILE", "")
    if own in ("/dev/null", "nul", "NUL"):
        return []
    home = Path.home()
    if sys.platform == "win32":
        system = [Path(environment.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / "pip.ini"]
        user = [home / "pip" / "pip.ini", Path(environment.get("APPDATA", str(home))) / "pip" / "pip.ini"]
    else:
        configuration_home = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        folders = [Path(part) for part in (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if part]
        system = [*(folder / "pip" / "pip.conf" for folder in folders), Path("/etc/pip.conf")]
        user = [home / ".pip" / "pip.conf", configuration_home / "pip" / "pip.conf"]
        if sys.platform == "darwin":
            system.insert(0, Path("/Library/Application Support/pip/pip.conf"))
            user.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    specific = [Path(own)] if own and os.path.exists(own) else user
    candidates = [*system, *specific]
    return [path for path in candidates if path.is_file()]
