"""What was measured, kept as JSON in a git-ignored folder: a long run is resumed, a document rendered again.

A result is found again by all that it depends on, so that a stale one is never taken for it.
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
    """One JSON file for each result in `folder`."""

    folder: Path

    def get_or(self, kind: str, depends_on: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """The stored result, else that of `compute`, which is stored."""
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
        """Keep a result under a plain name, for readers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.json").write_text(json.dumps(result, indent=1, default=str), encoding="utf-8")


def code_of(*modules: ModuleType) -> str:
    """Tells one version of some modules' code from another; comments, docstrings and layout do not count."""
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
    """The versions of those that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
