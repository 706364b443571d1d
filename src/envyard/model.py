"""What a model needs of its environment, read from the model's own files.

Nothing is imported and no weights are opened: a few small JSON files decide. Which ones were looked at is kept, so that
a caller who remembers the answer knows when to ask again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envyard.errors import ModelNotFound, ModelUnreadable
from envyard.process import environment_variable

TRANSFORMERS, LLAMACPP, DIFFUSERS = "transformers", "llamacpp", "diffusers"
_DEEPEST_ADAPTER = 5  # adapters of adapters; more of them lead in a circle
_LARGEST_FILE = 16_000_000  # bytes; a configuration is a few thousand
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_METHODS = {"bitsandbytes": "bnb", "bnb": "bnb", "awq": "awq", "gptq": "gptq"}
_NAME_ONE = "name the folder or file of a model, or a hub id such as `organisation/model`"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. `identity` names it wherever it is asked for from: the path without links, or the hub id.

    - `path`: its folder or file without links; None for a hub id that is not on this machine.
    - `backend`: `transformers`, `llamacpp`, `diffusers`, or what the caller said; `quantization`: `bnb`, `awq`, `gptq`,
      another method by its own name, or "" for none.
    - `reasons`: why, for people; `files`: what was read or looked for, which decides again when it changes.
    """

    identity: str
    path: Path | None
    backend: str
    quantization: str = ""
    reasons: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form `organisation/model` (it may still be a path)."""
    return _HUB_ID.fullmatch(name) is not None and ".." not in name and "--" not in name


def read_model(name: str | Path, *, backend: str = "", quantization: str | None = None) -> Model:
    """What the model `name`, a path or a hub id, needs; `backend` and `quantization` override what its files say.

    A path goes before a hub id of the same form. Raises `ModelNotFound` and `ModelUnreadable`.
    """
    identity, path = _find(name)
    told = backend and quantization is not None
    files = (_hub_reference(identity),) if is_hub_id(identity) else ()
    model = Model(identity=identity, path=path, backend=backend or TRANSFORMERS, files=files)
    if not told:
        model = _read(model, path, depth=0)
    if backend and backend != model.backend:
        model = replace(model, backend=backend, reasons=(*model.reasons, f"the caller asks for {backend}"))
    if quantization is not None and quantization != model.quantization:
        words = f"the caller asks for {quantization or 'no quantization'}"
        model = replace(model, quantization=quantization, reasons=(*model.reasons, words))
    return model


def _find(name: str | Path) -> tuple[str, Path | None]:
    text = os.fspath(name)
    if not text.strip() or "\0" in text:
        raise ModelNotFound("the name of the model is empty, or holds a NUL character", hint=_NAME_ONE)
    path = os.path.expanduser(text)
    try:
        if os.path.isfile(path) or os.path.isdir(path):
            real = os.path.realpath(path)
            return real, Path(real)
        if os.path.exists(path):
            raise ModelNotFound(f"`{path}` is neither a folder nor a file", hint="name the folder or file of a model")
    except (OSError, ValueError) as error:  # longer than any path may be, say
        raise ModelNotFound(f"`{text[:80]}` is no path of a model: {error}", hint=_NAME_ONE) from error
    if os.path.islink(path):
        raise ModelNotFound(f"`{path}` is a link that leads nowhere", hint="correct the link, or name another model")
    if is_hub_id(text):
        return text, _in_hub_cache(text)
    raise ModelNotFound(f"there is no model at `{text[:200]}`", hint=_NAME_ONE)


def _hub_reference(name: str) -> Path:
    """The file that says which snapshot of a model the hub's own client has on this machine."""
    hub = environment_variable("HF_HUB_CACHE")
    home = environment_variable("HF_HOME")
    cache = environment_variable("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    root = Path(hub or os.path.join(home or os.path.join(cache, "huggingface"), "hub"))
    return root / f"models--{name.replace('/', '--')}" / "refs" / "main"


def _in_hub_cache(name: str) -> Path | None:
    """Where the hub's own client keeps the model on this machine: its newest snapshot, or None."""
    reference = _hub_reference(name)
    with contextlib.suppress(OSError, ValueError):
        revision = reference.read_text(encoding="ascii").strip()
        snapshot = reference.parents[1] / "snapshots" / revision
        if re.fullmatch(r"[0-9a-f]{6,64}", revision) and snapshot.is_dir():
            return snapshot
    return None


def _read(model: Model, path: Path | None, *, depth: int) -> Model:
    if path is None:
        words = f"{model.identity} is not on this machine: taken for plain"
        if not depth and os.path.isdir(model.identity.partition("/")[0]):  # a slip of the hand, most likely
            words = f"there is no `{model.identity}` here, so it counts as the id of a model on the hub; {words}"
        return replace(model, reasons=(*model.reasons, words))
    if not path.is_dir():
        if path.suffix.lower() == ".gguf":
            return replace(model, backend=LLAMACPP, reasons=(*model.reasons, f"{path.name} is a GGUF file"))
        return _read_folder(model, path.parent, depth=depth)
    return _read_folder(model, path, depth=depth)


def _read_folder(model: Model, folder: Path, *, depth: int) -> Model:
    files = (*model.files, folder, folder / "config.json", folder / "adapter_config.json")
    model = replace(model, files=files)
    config = _load(folder / "config.json")
    adapter = _load(folder / "adapter_config.json")
    if adapter is not None and (config is None or "model_type" not in config):
        return _read_base(model, folder, adapter, depth=depth)
    names = _names(folder)
    gguf = sorted(name for name in names if name.lower().endswith(".gguf"))
    weights = any(name.lower().endswith(_WEIGHTS) for name in names)
    if gguf and not weights:
        words = gguf[0] if len(gguf) == 1 else f"{gguf[0]} and {len(gguf) - 1} more"
        return replace(model, backend=LLAMACPP, reasons=(*model.reasons, f"holds GGUF weights: {words}"))
    if config is not None:
        method, words = _quantization(config.get("quantization_config"), folder / "config.json")
        return replace(model, quantization=method, reasons=(*model.reasons, words))
    if "model_index.json" in names:
        return replace(model, backend=DIFFUSERS, reasons=(*model.reasons, "has a model_index.json"))
    words = "no config.json, adapter_config.json or GGUF file: taken for a plain transformers model"
    return replace(model, reasons=(*model.reasons, words))


def _read_base(model: Model, folder: Path, adapter: dict[str, Any], *, depth: int) -> Model:
    """An adapter needs what its base model needs (and peft, which every transformers profile has)."""
    base = adapter.get("base_model_name_or_path")
    if isinstance(base, str) and is_hub_id(base):
        model = replace(model, files=(*model.files, _hub_reference(base)))
    if not isinstance(base, str) or not base.strip() or "\0" in base:
        return replace(model, reasons=(*model.reasons, "an adapter that names no base model"))
    model = replace(model, reasons=(*model.reasons, f"an adapter of {base}"))
    if depth >= _DEEPEST_ADAPTER:
        raise ModelUnreadable(
            f"the adapters of `{model.identity}` lead in a circle",
            hint=f"correct `base_model_name_or_path` in {folder / 'adapter_config.json'}",
        )
    for candidate in (os.path.expanduser(base), os.path.join(folder, base)):
        with contextlib.suppress(OSError, ValueError):
            if os.path.isabs(candidate) and os.path.exists(candidate):
                return _read(model, Path(os.path.realpath(candidate)), depth=depth + 1)
    found = _in_hub_cache(base) if is_hub_id(base) else None
    if found is not None:
        return _read(model, found, depth=depth + 1)
    return replace(model, reasons=(*model.reasons, f"{base} is not on this machine: taken for plain"))


def _quantization(value: object, file: Path) -> tuple[str, str]:
    """The method of a `quantization_config`, and why."""
    if value is None or value == {}:
        return "", "its config.json asks for no quantization"
    if not isinstance(value, dict):
        raise _unreadable(file, "its `quantization_config` is no object")
    method = value.get("quant_method")
    if isinstance(method, str) and method.strip():
        name = _METHODS.get(method.strip().lower(), re.sub(r"[^a-z0-9]+", "-", method.strip().lower()).strip("-"))
        return name, f"its config.json says `quant_method` {method.strip()}"
    if value.get("load_in_4bit") or value.get("load_in_8bit"):
        return "bnb", "its config.json loads in 4 or 8 bits"
    return "", "its `quantization_config` names no method"


def _load(path: Path) -> dict[str, Any] | None:
    """The object of a JSON file, None when there is no such file. Raises `ModelUnreadable`."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > _LARGEST_FILE:
            raise _unreadable(path, "it is too large for a configuration")
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read") from error
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or no UTF-8
        raise _unreadable(path, "it is no JSON: a download that was cut short?") from error
    if not isinstance(data, dict):
        raise _unreadable(path, "it holds no object")
    return data


def _unreadable(path: Path, why: str) -> ModelUnreadable:
    return ModelUnreadable(
        f"{path} cannot be read: {why}",
        hint="download the model again, or say what it needs with `--profile KEY`",
    )


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise _unreadable(folder, error.strerror or "it cannot be listed") from error
