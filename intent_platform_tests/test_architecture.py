"""The house rules that a reader relies on: imports go down only, and loading is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import intent_platform

PACKAGE = Path(intent_platform.__file__).parent
#: Each room and the rooms that it may import from, besides itself.
BELOW = {
    "errors": set(),
    "loggers": set(),
    "tables": set(),
    "sections": {"tables"},
    "settings": {"errors", "sections"},
    "partitions": set(),
    "sessions": {"partitions", "settings", "tables", "errors"},
    "modelling": {"partitions", "settings", "tables", "errors", "loggers"},
}
BELOW["platforms"] = {"sessions", "modelling", *BELOW["modelling"]}
BELOW["pipeline"] = {"platforms", *BELOW["platforms"]}
BELOW["assets"] = {"pipeline", *BELOW["pipeline"]}
BELOW["automation"] = {"assets", *BELOW["assets"]}
BELOW["definitions"] = {"automation", *BELOW["automation"]}
BELOW["commands"] = {"definitions", *BELOW["definitions"]}
BELOW["__main__"] = {"commands", "errors"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(module: str) -> str:
    return module.split(".")[1]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    ours = {room_of(name) for name in imported(path) if name.startswith("intent_platform.")}
    assert ours - {room} <= BELOW[room]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_and_stays_readable(path: Path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "opens with what lives here"
    assert text.count("\n") <= 300


@pytest.mark.parametrize("room", ["sessions", "modelling", "tables.py", "settings.py"])
def test_the_lower_rooms_know_neither_dagster_nor_a_database(room: str):
    paths = [PACKAGE / room] if room.endswith(".py") else list((PACKAGE / room).rglob("*.py"))
    for path in paths:
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"dagster", "duckdb", "mlflow", "sqlglot", "snowflake"}, path


def test_loading_the_code_location_imports_no_heavy_client():
    program = (
        "import sys, intent_platform.definitions as d; d.defs(); "
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in "
        "{'mlflow', 'catboost', 'optuna', 'sklearn', 'duckdb', 'matplotlib', 'ucimlrepo'} "
        "or m.startswith('snowflake.')))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def test_importing_reads_and_creates_nothing(tmp_path: Path):
    program = "import intent_platform.definitions as d; d.defs()"
    environment = {"INTENT_PLATFORM_HOME": str(tmp_path / "home"), "PATH": ""}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment)
    assert list(tmp_path.iterdir()) == []
