"""Tries what a profile promises in the environment whose python runs this file, and prints the result as JSON.

Standard library only, no import from envyard, and old syntax: it also runs inside environments that other applications
made, as `<environment>/bin/python -I -B trial.py '<JSON>'` with `imports`, `cuda` and `code`. What the libraries print
goes to stderr. Before each step its name goes to stderr too, so that a crash or a hang can be told by name.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

STEP = "envyard-trial: "


def main(arguments: list[str]) -> None:
    wanted = json.loads(arguments[0])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    problems: list[str] = []
    lacks: list[str] = []
    evidence: list[str] = []
    versions: dict[str, str] = {}
    for name in wanted["imports"]:
        step("importing " + name)
        try:
            module = __import__(name)
            versions[name] = str(getattr(module, "__version__", ""))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            problems.append(f"importing {name} fails: {last_line(error)}")
            evidence += traceback.format_exc().splitlines()[-6:]
    if wanted["code"] and not problems:
        step("running the smoke test")
        try:
            code = compile(wanted["code"], "<smoke test of the profile>", "exec")
            exec(code, {"__name__": "__smoke__"})  # noqa: S102 - the profile's own code, in its own environment
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            problems.append(f"the smoke test fails: {last_line(error)}")
            evidence += traceback.format_exc().splitlines()[-6:]
    if wanted["cuda"] and not problems:
        step("looking for CUDA")
        try:
            torch = __import__("torch")
            if not torch.cuda.is_available():
                lacks.append("torch finds no CUDA device")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            lacks.append(f"torch cannot look for CUDA: {last_line(error)}")
    answer: dict[str, object] = {
        "version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
        "versions": versions,
    }
    answer.update({"problems": problems, "lacks": lacks, "evidence": evidence})
    json.dump(answer, out)
    out.flush()
    os._exit(0)  # threads of a library that never end must not keep the answer back


def step(name: str) -> None:
    sys.stderr.write(STEP + name + "\n")
    sys.stderr.flush()


def last_line(error: BaseException) -> str:
    lines = traceback.format_exception_only(type(error), error)
    return lines[-1].strip()[:300] if lines else repr(error)


if __name__ == "__main__":
    main(sys.argv[1:])
