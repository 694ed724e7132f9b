"""The core works without an orchestrator and without a database, and importing it is light."""

import subprocess
import sys

FOREIGN = ("dagster", "duckdb", "mlflow", "snowflake.connector", "snowflake.snowpark", "sqlglot")
HEAVY = ("catboost", "optuna", "sklearn", "pandas", "matplotlib")


def loaded_by(code: str, names: tuple[str, ...]) -> str:
    """Which of these modules Python has loaded after it ran `code`, as a printed list."""
    code += f"\nimport sys\nprint([name for name in {names} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_core_loads_nothing_foreign_or_heavy():
    code = (
        "import pkgutil, importlib, intent_platform.modelling as room\n"
        "for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)"
    )
    assert loaded_by(code, FOREIGN + HEAVY) == "[]"


def test_training_and_scoring_load_nothing_foreign():
    code = (
        "from intent_platform.modelling.training import train\n"
        "from intent_platform.settings import load_settings\n"
        "from intent_platform_tests.modelling.conftest import made_sessions, quickened\n"
        "rows = made_sessions(300)\n"
        "train(rows, quickened(load_settings().training)).model.predict(rows)"
    )
    assert loaded_by(code, FOREIGN) == "[]"
