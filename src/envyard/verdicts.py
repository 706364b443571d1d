"""Which sets of requirements were seen to resolve: what the resolver said yes to need not be asked again.

A set that does not resolve is not remembered, because tomorrow's index may have what is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envyard.errors import EnvyardError
from envyard.files import write_json
from envyard.installers.bridge import index_configuration
from envyard.process import child_environment
from envyard.resolver import Question

_FOLDER = "resolved"  # in the store's cache: a small file for each set


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """The memory in the store at `store`. `key` names in a file whose requirements they were, for people."""

    store: Path
    key: str

    def known(self, lines: Sequence[str], question: Question) -> bool:
        """Whether these requirements were seen to resolve on every target of the question."""
        return _lasting(lines) and self._file(lines, question).is_file()

    def remember(self, lines: Sequence[str], question: Question) -> None:
        """They resolve."""
        if _lasting(lines):
            with contextlib.suppress(OSError, EnvyardError):  # only saves time
                write_json(self._file(lines, question), {"key": self.key}, durable=False)

    def _file(self, lines: Sequence[str], question: Question) -> Path:
        parts = [sorted(lines), [str(one) for one in question.targets], question.indexes, question.torch_backend]
        parts.append(index_configuration(child_environment(), question.folder))  # another index has other packages
        parts += [question.options] if question.options else []
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
        return self.store / "cache" / _FOLDER / f"{digest}.json"


def _lasting(lines: Sequence[str]) -> bool:
    """Whether the lines say all there is to know: what stands behind `-e` or `-r` changes under the same line."""
    return not any(line.startswith(("-e", "-r")) for line in lines)
