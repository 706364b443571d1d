"""pip's configuration, told to uv, which does not read it.

A company's index in `pip.conf` or `PIP_*` serves both installers then. A user's own `UV_*` variable always wins. The
files and their order are those of pip's documentation ("Configuration"); the options that matter for reaching an
index are bridged, nothing else.
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Mapping
from pathlib import Path

_OPTIONS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "timeout", "trusted-host")


def pip_options(environment: Mapping[str, str]) -> dict[str, str]:
    """pip's options as pip would see them: files from general to specific, then `PIP_*` variables."""
    options: dict[str, str] = {}
    for path in _configuration_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself will complain; uv can still work
        for section in ("global", "install"):
            if parser.has_section(section):
                options.update({k: v for k, v in parser.items(section) if k in _OPTIONS})
    for option in _OPTIONS:
        value = environment.get(f"PIP_{option.upper().replace('-', '_')}")
        if value:
            options[option] = value
    return options


def uv_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The `UV_*` variables that make uv use the indexes pip is configured for."""
    options = pip_options(environment)
    variables: dict[str, str] = {}
    if "index-url" in options and "UV_INDEX_URL" not in environment:
        variables["UV_DEFAULT_INDEX"] = options["index-url"].strip()
    if "extra-index-url" in options and "UV_EXTRA_INDEX_URL" not in environment:
        variables["UV_INDEX"] = " ".join(options["extra-index-url"].split())
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # what pip does
    if "find-links" in options:
        variables["UV_FIND_LINKS"] = ",".join(options["find-links"].split())
    if options.get("no-index", "").strip().lower() in ("1", "true", "yes", "on"):
        variables["UV_NO_INDEX"] = "1"
    if "cert" in options:
        variables["SSL_CERT_FILE"] = options["cert"].strip()
    if "timeout" in options:
        variables["UV_HTTP_TIMEOUT"] = options["timeout"].strip()
    if "trusted-host" in options:
        variables["UV_INSECURE_HOST"] = " ".join(options["trusted-host"].split())
    return {name: value for name, value in variables.items() if name not in environment}


def _configuration_files(environment: Mapping[str, str]) -> list[Path]:
    """pip's configuration files that exist, from general to specific."""
    own = environment.get("PIP_CONFIG_FILE", "")
    if own in ("/dev/null", "nul", "NUL"):
        return []
    home = Path.home()
    if sys.platform == "win32":
        system = [Path(environment.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / "pip.ini"]
        user = [home / "pip" / "pip.ini", Path(environment.get("APPDATA", str(home))) / "pip" / "pip.ini"]
    else:
        configuration_home = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        folders = [Path(part) for part in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if part]
        system = [*(folder / "pip" / "pip.conf" for folder in folders), Path("/etc/pip.conf")]
        user = [home / ".pip" / "pip.conf", configuration_home / "pip" / "pip.conf"]
        if sys.platform == "darwin":
            system.insert(0, Path("/Library/Application Support/pip/pip.conf"))
            user.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    candidates = [*system, *user, *([Path(own)] if own else [])]
    return [path for path in candidates if path.is_file()]
