"""The objects of the account besides tables: models, stages, procedures, tasks, roles. One JSON file."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

_KINDS = (
    *("models", "monitors", "stages", "procedures", "tasks", "event_tables"),
    *("roles", "warehouses", "owners", "grants", "users", "integrations"),
)


class State:
    """Named objects by kind. A change is written completely or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lock = RLock()
        known = json.loads(file.read_text()) if file.exists() else {}
        self._objects: dict[str, dict[str, Any]] = {kind: known.get(kind, {}) for kind in _KINDS}

    def of(self, kind: str) -> dict[str, Any]:
        """All objects of a kind by qualified name, for reading."""
        return self._objects[kind]

    @contextmanager
    def changing(self, kind: str):
        """The objects of a kind, for changing. An error undoes the change."""
        with self.lock:
            before = json.dumps(self._objects[kind])
            try:
                yield self._objects[kind]
                draft = self._file.with_suffix(".draft")
                draft.write_text(json.dumps(self._objects))
                draft.replace(self._file)
            except BaseException:
                self._objects[kind] = json.loads(before)
                raise


def like(pattern: str | None) -> Callable[[str], bool]:
    """Whether a name matches a LIKE pattern of SHOW, which ignores case."""
    import re

    if pattern is None:
        return lambda _: True
    signs = {"%": ".*", "_": "."}
    expression = re.compile("".join(signs.get(sign, re.escape(sign)) for sign in pattern), re.IGNORECASE)
    return lambda name: expression.fullmatch(name) is not None
