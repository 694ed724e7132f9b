"""Stores results as JSON in a git-ignored folder, to resume a long run or to write a page again.

The key of a result is a hash of everything that it depends on, so a stale result is never reused.
"""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Store:
    """Results in `folder`, one JSON file for each."""

    folder: Path

    def get_or(self, kind: str, depends_on: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """The stored result. If there is none, call `compute` and store what it returns."""
        key = sha256(json.dumps(depends_on, sort_keys=True, default=str).encode()).hexdigest()[:20]
        path = self.folder / kind / f"{key}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))["result"]
        result = compute()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"depends_on": depends_on, "result": result}, default=str), encoding="utf-8")
        partial.replace(path)
        return result

    def put(self, name: str, result: Any) -> None:
        """Store a result under a plain name, for people to read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.json").write_text(json.dumps(result, indent=1, default=str), encoding="utf-8")


def code_of(*modules: ModuleType) -> str:
    """A hash of the modules' code, without comments, docstrings and layout."""
    digest = sha256()
    for module in modules:
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def packages(*names: str) -> dict[str, str]:
    """The versions of the named packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
