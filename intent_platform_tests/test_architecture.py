"""The architecture that a reader relies on: modules import only from layers below, and loading is light."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import intent_platform

PACKAGE = Path(intent_platform.__file__).parent
EMULATOR = Path(__file__).parent / "snowflake_emulator"
#: Each layer and the layers that it may import from, besides itself.
BELOW = {
    "errors": set(),
    "loggers": set(),
    "tables": set(),
    "settings": {"errors", "tables"},
    "partitions": set(),
    "workers": set(),
    "sessions": {"partitions", "settings", "tables", "errors"},
    "modelling": {"partitions", "settings", "tables", "errors", "loggers"},
}
BELOW["clocks"] = {"partitions", "settings"}
BELOW["platforms"] = {"sessions", "modelling", "clocks", *BELOW["modelling"]}
BELOW["pipeline"] = {"platforms", *BELOW["platforms"]}
BELOW["assets"] = {"pipeline", *BELOW["pipeline"]}
BELOW["procedures"] = {"pipeline", *BELOW["pipeline"]}
BELOW["automation"] = {"assets", "workers", *BELOW["assets"]}
BELOW["definitions"] = {"automation", *BELOW["automation"]}
BELOW["terminal"] = set()
BELOW["instance"] = {"workers", "errors", "partitions", "settings"}
BELOW["upkeep"] = {"pipeline", *BELOW["pipeline"]}
BELOW["rehearsal"] = {"definitions", "instance", "terminal", *BELOW["definitions"]}
BELOW["commands"] = {"rehearsal", "upkeep", *BELOW["rehearsal"]}
BELOW["crashes"] = {"partitions", "settings"}
BELOW["__main__"] = {"crashes", "errors"}  # it finds the commands by their files
TEST_MODULES = sorted(Path(__file__).parent.rglob("*.py"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules_of(layer: str) -> list[Path]:
    return [path for path in MODULES if layer_of(path) == layer]


def dotted_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def imported_names(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def called_methods(path: Path) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}


class TestImports:
    @pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
    def test_go_down_only(self, path: Path):
        ours = {name.split(".")[1] for name in imported_names(path) if name.startswith("intent_platform.")}
        assert ours - {layer_of(path)} <= BELOW[layer_of(path)]

    @pytest.mark.parametrize("package", [PACKAGE, EMULATOR], ids=lambda path: path.name)
    def test_form_no_cycle(self, package: Path):
        names = {dotted_name(path): imported_names(path) for path in package.rglob("*.py") if path.stem != "__init__"}
        TopologicalSorter({module: found & names.keys() for module, found in names.items()}).prepare()

    @pytest.mark.parametrize("layer", ["sessions", "modelling", "tables", "settings"])
    def test_of_a_pure_layer_name_neither_dagster_nor_a_database(self, layer: str):
        for path in modules_of(layer):
            packages = {name.split(".")[0] for name in imported_names(path)}
            assert not packages & {"dagster", "duckdb", "mlflow", "sqlglot", "snowflake"}, path


class TestStatements:
    @pytest.mark.parametrize("layer", ["assets", "procedures", "automation", "rehearsal", "upkeep", "commands"])
    def test_are_run_by_pipeline_or_below(self, layer: str):
        for path in modules_of(layer):
            assert not called_methods(path) & {"fetch", "execute"}, path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
class TestModule:
    def test_opens_with_a_docstring(self, path: Path):
        assert ast.get_docstring(ast.parse(path.read_text())), "say what lives in the module"

    def test_has_at_most_300_lines(self, path: Path):
        assert path.read_text().count("\n") <= 300


class TestTests:
    """The tests are the specification, so they have to be readable too."""

    def test_have_names_under_60_characters(self):
        functions = [
            node.name
            for path in TEST_MODULES
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        assert [name for name in functions if len(name) >= 60] == []

    @pytest.mark.parametrize("path", TEST_MODULES, ids=lambda path: path.name)
    def test_stay_within_300_lines_a_module(self, path: Path):
        assert path.read_text().count("\n") <= 300


class TestLoading:
    """Loading the code location, as every Dagster process does when it starts."""

    def test_imports_no_heavy_client(self):
        program = (
            "import sys, intent_platform.definitions as d; d.defs(); "
            "print(*sorted(m for m in sys.modules if m.split('.')[0] in "
            "{'mlflow', 'catboost', 'optuna', 'sklearn', 'duckdb', 'matplotlib', 'ucimlrepo'} "
            "or m.startswith('snowflake.')))"
        )
        answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert answer.stdout.split() == []

    def test_reads_and_creates_nothing(self, tmp_path: Path):
        program = "import intent_platform.definitions as d; d.defs()"
        environment = {"INTENT_PLATFORM_HOME": str(tmp_path / "home"), "PATH": ""}
        subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment)
        assert list(tmp_path.iterdir()) == []
