import subprocess
import sys

FOREIGN = ("dagster", "duckdb", "mlflow", "snowflake.connector", "snowflake.snowpark", "sqlglot")
HEAVY = ("catboost", "optuna", "sklearn", "pandas", "matplotlib")


def test_the_core_imports_no_orchestrator_no_database_and_nothing_heavy():
    code = (
        "import pkgutil, importlib, sys, intent_platform.modelling as room\n"
        "for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        f"print([name for name in {FOREIGN + HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_using_the_core_needs_no_orchestrator_and_no_database_either():
    code = (
        "import sys\n"
        "from intent_platform.modelling.training import train\n"
        "from intent_platform.settings import load_settings\n"
        "from intent_platform_tests.modelling.conftest import made_sessions, quickened\n"
        "rows = made_sessions(300)\n"
        "train(rows, quickened(load_settings().training)).model.predict(rows)\n"
        f"print([name for name in {FOREIGN} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
