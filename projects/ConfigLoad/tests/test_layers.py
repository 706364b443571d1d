from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from config_load import InvalidSettings, Models, Service, Settings, load_settings


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_without_any_layer_the_defaults_fit_the_machine(tmp_path: Path) -> None:
    loaded = load_settings(toml=tmp_path / "missing.toml", dotenv=tmp_path / "missing.env")

    assert loaded.settings == Settings()
    assert loaded.settings.service == Service(host="127.0.0.1", port=8000, reload=False)
    assert 1 <= loaded.settings.limits.workers <= (os.cpu_count() or 1)
    assert 0 < loaded.settings.limits.memory * 1024 * 1024 < psutil.virtual_memory().total
    assert set(loaded.origins.values()) == {"default"}


def test_each_layer_beats_the_ones_before_it_and_is_named_as_the_origin(tmp_path: Path) -> None:
    toml = write(tmp_path / "ideas.toml", '[service]\nhost = "0.0.0.0"\nport = 1\n[limits]\nworkers = 1\n')
    dotenv = write(tmp_path / ".env", "# ours\nIDEAS_SERVICE__PORT=2\nIDEAS_LIMITS__WORKERS='2'\nOTHER=x\n")
    environ = {"IDEAS_LIMITS__WORKERS": "3", "PATH": "/bin"}

    loaded = load_settings(toml=toml, dotenv=dotenv, environ=environ)

    service, limits = loaded.settings.service, loaded.settings.limits
    assert (service.host, service.port, limits.workers) == ("0.0.0.0", 2, 3)
    origins = loaded.origins
    assert origins["service.host"] == str(toml)
    assert origins["service.port"] == str(dotenv)
    assert origins["limits.workers"] == "environment"
    assert origins["service.reload"] == "default"


def test_text_becomes_the_type_of_its_setting() -> None:
    environ = {
        "IDEAS_MODELS__FOLDER": "/data/models",
        "IDEAS_MODELS__TEMPERATURE": "0",
        "IDEAS_MODELS__DEVICE": "1",
        "IDEAS_SERVICE__RELOAD": "On",
    }

    settings = load_settings(environ=environ).settings

    assert settings.models == Models(folder=Path("/data/models"), temperature=0.0, device="1")
    assert type(settings.models.temperature) is float
    assert settings.service.reload is True


def test_dotenv_values_are_taken_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", "leaked")
    dotenv = write(tmp_path / ".env", "IDEAS_MODELS__DEVICE=${ELSEWHERE}\n")

    assert load_settings(dotenv=dotenv).settings.models.device == "${ELSEWHERE}"


@pytest.mark.parametrize(
    ("text", "key", "rest"),
    [
        pytest.param(
            "[service]\nport = '80'", "service.port", "expected a whole number, found '80'", id="quoted"
        ),
        pytest.param(
            "[service]\nport = true", "service.port", "expected a whole number, found True", id="bool"
        ),
        pytest.param("[service]\nreload = 1", "service.reload", "expected true or false, found 1", id="int"),
        pytest.param("[models]\nfolder = 1", "models.folder", "expected a path, found 1", id="no path"),
        pytest.param("[service]\nprot = 80", "service.prot", "is not a setting; did you mean", id="typo"),
        pytest.param("service = 80", "service", "is not a setting", id="section as value"),
    ],
)
def test_a_mistake_in_the_toml_file_is_told_with_file_key_and_finding(
    tmp_path: Path, text: str, key: str, rest: str
) -> None:
    toml = write(tmp_path / "ideas.toml", text)

    with pytest.raises(InvalidSettings) as caught:
        load_settings(toml=toml)

    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{toml}: `{key}` {rest}")


def test_a_file_that_is_not_toml_is_one_problem_beside_the_others(tmp_path: Path) -> None:
    toml = write(tmp_path / "ideas.toml", "[service\n")

    with pytest.raises(InvalidSettings) as caught:
        load_settings(toml=toml, environ={"IDEAS_SERVICE__PROT": "1"})

    syntax, typo = caught.value.problems
    assert syntax.startswith(f"{toml}: not TOML: ")
    assert typo == "environment: `IDEAS_SERVICE__PROT` is not a setting; did you mean `service.port`?"


def test_all_mistakes_of_all_layers_are_reported_at_once(tmp_path: Path) -> None:
    toml = write(tmp_path / "ideas.toml", "[limits]\nworkers = 1.5\n")
    dotenv = write(tmp_path / ".env", "IDEAS_SERVICE__PORT\n")

    with pytest.raises(InvalidSettings) as caught:
        load_settings(toml=toml, dotenv=dotenv, environ={"IDEAS_SERVICE__RELOAD": "maybe"})

    assert caught.value.problems == [
        f"{toml}: `limits.workers` expected a whole number, found 1.5",
        f"{dotenv}: `IDEAS_SERVICE__PORT` expected a whole number, found None",
        "environment: `IDEAS_SERVICE__RELOAD` expected true or false, found 'maybe'",
    ]
