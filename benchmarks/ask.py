"""Asks one registry for one model, again and again, and writes what that cost as JSON.

    python ask.py WORKSPACE MODEL COUNT FILE

`first` is the first answer of this process, the import of envyard included; `p50` and `p99` are of the COUNT answers
after it, all in seconds; `children` is how many processes those started.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

STARTING = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "os.startfile")


def main(root: str, model: str, count: int, file: str) -> None:
    children = 0

    def watch(event: str, _arguments: object) -> None:
        nonlocal children
        children += event in STARTING

    sys.addaudithook(watch)
    begin = time.perf_counter()
    from envyard.registry import EnvRegistry

    registry = EnvRegistry(root, hardware="cpu")
    registry.get_env_for_model(model)
    first = time.perf_counter() - begin
    children = 0
    samples = []
    for _ in range(count):
        start = time.perf_counter()
        registry.get_env_for_model(model)
        samples.append(time.perf_counter() - start)
    samples.sort()
    found = {"first": first, "p50": samples[count // 2], "p99": samples[count * 99 // 100], "children": children}
    Path(file).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
