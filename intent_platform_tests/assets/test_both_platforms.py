"""One story on both platforms: the same sessions, features, decisions and scores, statement by statement."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

import intent_platform
from intent_platform.commands.setup import refuse_a_mixture
from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, Window, clock_set_to, day_of, now, wall_clock
from intent_platform.pipeline.monitoring import ranking_on
from intent_platform.pipeline.observation import observed_extent
from intent_platform.pipeline.replay import dataset_months, replayed_challenger, score_history
from intent_platform.pipeline.scoring import outdated_scores
from intent_platform.pipeline.summary import month_summaries, row_counts
from intent_platform.pipeline.training import training_rows
from intent_platform.platforms import platform_for, ports
from intent_platform.platforms.champion import prove_fit
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import in_window, load_sessions
from intent_platform.platforms.local.warehouse import DuckDBConnection
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import SESSION_COLUMNS, SOURCE, TABLES
from intent_platform_tests.assets.conftest import Shop, shop_settings
from intent_platform_tests.builders.sensors import evaluate
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.conftest import created_schema, new_schema_name
from intent_platform_tests.snowflake_emulator.emulator import SentStatement

MAY = Window(day_of("2024-05-01"), day_of("2024-05-11"))
LATE = Window(day_of("2024-07-01"), day_of("2024-07-02"))
_VERSION = re.compile(r"v_\d{6}_\d{6}")
_IDENTITY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MADE_UP = frozenset(
    {
        *("RUN_ID", "EFFECTIVE_DATE"),
        *("MOVED_AT", "DECIDED_AT", "SCORED_AT", "LOADED_AT", "REJECTED_AT", "MEASURED_AT", "NEWEST"),
    }
)


Place = tuple[str, int]  # a file of the package, and the line that a statement is sent from

#: Statements that only one platform has.
ONE_PLATFORMS_OWN = {"CALL TRAINING(:month, :run_id)": "only Snowflake has procedures; automation/test_procedures.py"}


def statements_of_the_product() -> dict[Place, tuple[int, str]]:
    """Where in the package a session is given a statement: first line, last line, and how it is written there."""
    package = Path(intent_platform.__file__).parent
    found: dict[Place, tuple[int, str]] = {}
    for file in package.rglob("*.py"):
        if {"snowflake", "local", "ports.py"} & set(file.relative_to(package).parts):
            continue  # how the platforms themselves do it
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"fetch", "row", "value", "execute"}
            ):
                found[str(file), node.lineno] = node.end_lineno or node.lineno, ast.unparse(node.args[0])
    return found


@dataclass
class Record:
    """Every statement that went to the warehouse, and what came back, in order."""

    answers: list[tuple[str, Any]] = field(default_factory=list)
    places: set[Place] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)

    def keep(self, sql: str, answer: pa.Table | int) -> None:
        if isinstance(answer, pa.Table):
            rows = [{k: self._plain(k, v) for k, v in row.items()} for row in answer.to_pylist()]
            ordered = rows if "ORDER BY" in sql else sorted(rows, key=repr)
            self.answers.append((" ".join(sql.split()), (answer.column_names, ordered)))
        else:
            self.answers.append((" ".join(sql.split()), answer))

    def _plain(self, name: str, value: Any) -> Any:
        """A value without what a moment or a run makes up, version names as the order of their first mention."""
        if name in _MADE_UP:
            return name
        if isinstance(value, str):
            return _VERSION.sub(lambda found: self._ordinal(found[0]), value)
        if isinstance(value, float):
            return float(f"{value:.9g}")
        return value

    def _ordinal(self, version: str) -> str:
        if version not in self.versions:
            self.versions.append(version)
        return f"version {self.versions.index(version)}"


def recorded(monkeypatch: pytest.MonkeyPatch, kind: type) -> Record:
    """A record of all that sessions of this kind are asked."""
    record = Record()
    for name in ("fetch", "execute"):
        original = getattr(kind, name)

        def keeping(connection: Any, sql: str, *, asked: Callable[..., Any] = original, **values: Any) -> Any:
            caller = sys._getframe(1)
            while caller.f_code.co_filename == ports.__file__:  # `row` and `value` fetch
                caller = caller.f_back or caller
            record.places.add((caller.f_code.co_filename, caller.f_lineno))
            answer = asked(connection, sql, **values)
            if not sql.lstrip().startswith(("CREATE", "BEGIN", "COMMIT")) and "INFORMATION_SCHEMA" not in sql:
                record.keep(sql, answer)
            return answer

        monkeypatch.setattr(kind, name, keeping)
    return record


def play_story(shop: Shop) -> set[str]:
    """From the first session to a rollback and late sessions; the checks that failed."""
    failed: set[str] = set()

    def run(job: str, *arguments: Any, **options: Any) -> None:
        result = shop.run(job, *arguments, **options)
        failed.update(e.check_name for e in result.get_asset_check_evaluations() if not e.passed)

    run("sessions_job", "2024-02-01", "2024-06-30")
    for month in ("2024-05-01", "2024-06-01"):
        run("training_job", month)
        effective = {"ops": {"champion_alias": {"config": {"effective_date": month}}}}
        run("evaluation_job", month, config=effective)
    first, second = (version.name for version in shop.platform.registry.versions())
    if shop.champion == first:
        run(
            "promotion_job",
            config={
                "ops": {
                    "champion_alias": {
                        "config": {"force": second, "reason": "the story", "effective_date": "2024-06-15"}
                    }
                }
            },
        )
    run("scores_job", MAY.keys[0], MAY.keys[-1])
    run("scores_job", "2024-06-15", "2024-06-30")
    run("rollback", config={"ops": {"rollback_champion": {"config": {"version": first, "reason": "the story"}}}})
    with shop.platform.warehouse.connect() as connection:
        latest = read_ledger(connection).latest
        assert latest is not None
        assert outdated_scores(connection, MAY, latest) == MAY
    run("scores_job", MAY.keys[0], MAY.keys[-1])
    run("scores_job", MAY.keys[0], config={"ops": {"scores": {"config": {"model": "at_the_time"}}}})
    _load_late(shop)
    with shop.platform.warehouse.connect() as connection:
        capped = shop.settings.training.model_copy(update={"max_sessions": 100})
        sample = training_rows(connection, Window(day_of("2024-02-01"), day_of("2024-05-01")), capped)
        assert sample.num_rows <= 100
        row_counts(connection)
        for table in TABLES:
            connection.fetch(f"SELECT * FROM {table.name}")
    failed |= shop.failing_checks() | observe(shop)
    read_as_the_commands_do(shop)
    for name in ("champion_sensor", "catch_up_sensor"):
        ticked(shop, name)
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM DATASET")
    prove_fit(shop.platform, shop.platform.registry.version(first))  # on a made-up session
    return failed


def observe(shop: Shop) -> set[str]:
    """As if somebody else had filled SOURCE, with a row that breaks the contract; the checks that failed."""
    observing = Shop(shop.settings.model_copy(update={"feed": "table"}), shop.platform, shop.instance)
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute(
            f"UPDATE SOURCE SET REGION = -1 WHERE UID = (SELECT MIN(UID) FROM SOURCE WHERE {in_window(SOURCE)})",
            start=MAY.start,
            end=MAY.end,
        )
        assert observed_extent(connection, ObservedTable.of(observing.settings)) is not None
    ticked(observing, "table_sensor")
    run = observing.run("sessions_job", MAY.keys[0], MAY.keys[-1])
    assert shop.rows("SOURCE_REJECTED", "FEED", MAY) == [("table",)]
    return {e.check_name for e in run.get_asset_check_evaluations() if not e.passed}


def ticked(shop: Shop, name: str) -> None:
    evaluate(shop.settings, name, shop.instance, platform=shop.platform)


def read_as_the_commands_do(shop: Shop) -> None:
    """The statements of `make demo`, `make game-day` and `make replay`."""
    refuse_a_mixture(shop.settings, shop.platform)
    month = day_of("2024-05-01")
    with shop.platform.warehouse.connect() as connection:
        assert ranking_on(connection, MAY.start)
        month_summaries(connection, [month.isoformat()])
    assert dataset_months(shop.platform) == Window(day_of("2024-02-01"), day_of("2024-07-01"))
    challenger = replayed_challenger(shop.platform, month, shop.settings.training)
    assert challenger is not None
    score_history(shop.platform, [month], {month: challenger})


def _load_late(shop: Shop) -> None:
    """The same landing file twice, one of its rows repeated and one refused: rows are replaced by key."""
    rows = landing_rows(LATE.start, 30)
    broken = rows.slice(0, 1).set_column(rows.column_names.index("REGION"), "REGION", pa.array(["nowhere"]))
    batch = validate(RawBatch(pa.concat_tables([rows, rows.slice(3, 1), broken]), "late.csv"), LATE)
    for _ in range(2):
        with shop.platform.warehouse.connect(writing=True) as connection:
            counts = load_sessions(
                connection,
                LATE,
                [batch],
                feed="landing",
                replacing=False,
                undated=LATE.start,
                at=wall_clock(now()),
            )
            assert (counts.received, counts.accepted, counts.rejected) == (32, 30, 2)


@pytest.fixture
def on_snowflake(made_csv: Path, tmp_path: Path, snowflake_settings: Callable[..., Settings]) -> Settings:
    template = shop_settings(tmp_path / "snowflake", made_csv)
    return snowflake_settings(
        home=template.home, first_day=template.first_day, uci=template.uci, training=template.training, feed="uci"
    )


def test_both_platforms_give_the_same_answer_to_every_statement(
    tmp_path, made_csv, empty_registry, on_snowflake, monkeypatch
):
    here, there = recorded(monkeypatch, DuckDBConnection), recorded(monkeypatch, SnowflakeConnection)
    empty_registry(tmp_path / "home")
    with dg.DagsterInstance.ephemeral() as instance:
        local = shop_settings(tmp_path / "home", made_csv)
        failed_here = play_story(Shop(local, platform_for(local), instance))
    with dg.DagsterInstance.ephemeral() as instance:
        failed_there = play_story(Shop(on_snowflake, platform_for(on_snowflake), instance))
    assert failed_here == failed_there
    assert [sql for sql, _ in here.answers] == [sql for sql, _ in there.answers]
    for (sql, expected), (_, found) in zip(here.answers, there.answers, strict=True):
        assert found == expected, sql

    for place, (last, sql) in statements_of_the_product().items():
        if sql.strip("'") in ONE_PLATFORMS_OWN:
            continue
        for record in (here, there):
            is_told = any(file == place[0] and place[1] <= line <= last for file, line in record.places)
            assert is_told, f"the story leaves out the statement of {place[0]}:{place[1]}: {sql}"


def test_a_simulated_day_has_the_same_rows_on_both_platforms(tmp_path, make_settings, snowflake_settings):
    rows_by_platform: list[list[tuple[Any, ...]]] = []
    shown = ", ".join(column.name for column in SESSION_COLUMNS)
    late = {"kind": "late_rows", "start": "2024-05-02", "strength": 0.2}
    for make in (make_settings, snowflake_settings):
        settings = make(
            feed="simulated", simulated={"seed": 3, "sessions_per_day": 300, "scenario": late}, first_day="2024-05-01"
        )
        with dg.DagsterInstance.ephemeral() as instance, clock_set_to(datetime(2024, 5, 4, 5, tzinfo=TIMEZONE)):
            shop = Shop(settings, platform_for(settings), instance)
            shop.run("sessions_job", "2024-05-01", "2024-05-03")
            rows_by_platform.append(shop.rows("SOURCE", shown))
    assert len(rows_by_platform[0]) > 300
    assert rows_by_platform[0] == rows_by_platform[1]


@dataclass
class StatementsOfRuns:
    """A shop on the emulated account, the statements of its runs, and the runs' names."""

    shop: Shop
    sent: list[SentStatement]
    runs: set[str]


@pytest.fixture(scope="module")
def scored_shop(made_csv: Path, tmp_path_factory: pytest.TempPathFactory, emulator) -> Iterator[StatementsOfRuns]:
    """Sessions, a champion, and the scores of one day: made once for the tests that look at statements."""
    template = shop_settings(tmp_path_factory.mktemp("snowflake") / "home", made_csv)
    settings = load_settings(
        home=template.home,
        deployment="dev",
        first_day=template.first_day,
        uci=template.uci,
        training=template.training,
        feed="uci",
        snowflake={**emulator.connection_parameters, "schema": new_schema_name()},
    )
    with created_schema(settings), dg.DagsterInstance.ephemeral() as instance:
        shop = Shop(settings, platform_for(settings), instance)
        begun = len(emulator.statements)
        shop.load()
        shop.crown()
        shop.run("scores_job", "2024-05-07")
        yield StatementsOfRuns(shop, emulator.statements[begun:], {run.run_id for run in instance.get_runs()})


def test_no_row_leaves_the_warehouse_to_be_scored(scored_shop, emulator):
    shop = scored_shop.shop
    begun = len(emulator.statements)
    job = build_definitions(shop.settings).resolve_job_def("scores_job")
    job.execute_in_process(partition_key="2024-05-07", instance=shop.instance, asset_selection=[dg.AssetKey("scores")])
    sent = [statement.sql for statement in emulator.statements[begun:]]
    inserted = [sql for sql in sent if sql.startswith("INSERT INTO SCORES")]
    assert len(inserted) == 1
    assert f"MODEL(PURCHASE_INTENT, {shop.champion.upper()})!PREDICT_PROBA(" in inserted[0]
    assert not any("GET " in sql or "PUT " in sql for sql in sent)
    assert not any(sql.startswith("SELECT") and "PAGEVALUES" in sql and "!" not in sql for sql in sent)


LOADS = """
import socket

def refuse(*_, **__):
    raise AssertionError("the network was touched")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import dagster as dg
from intent_platform.definitions import defs
dg.Definitions.validate_loadable(defs())
"""


@pytest.mark.parametrize("account", [{}, {"ACCOUNT": "a", "USER": "u", "PASSWORD": "p"}, {"CONNECTION": "nowhere"}])
def test_the_code_location_loads_without_touching_the_network(tmp_path, account):
    """In a process of its own, as `dagster dev` loads it: before anything was imported."""
    environment = {f"INTENT_PLATFORM_SNOWFLAKE_{name}": value for name, value in account.items()}
    environment |= {"INTENT_PLATFORM_DEPLOYMENT": "dev", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", LOADS], env=environment, cwd=tmp_path, check=True, timeout=120)


def test_every_statement_says_which_asset_partition_and_run_it_is_for(scored_shop):
    """Those of Snowpark and of the ML library too."""
    sent = scored_shop.sent
    tags = [json.loads(statement.tag) for statement in sent if statement.tag]
    untagged = [statement.sql for statement in sent if not statement.tag]
    assert untagged == []
    during = [tag for tag in tags if "run" in tag]
    assert {tag["asset"] for tag in during} == {
        *("source", "dataset", "challenger_model", "evaluation", "champion_alias", "scores"),
        "monitoring",
    }
    assert {tag["run"] for tag in during} == scored_shop.runs
    assert {tag["deployment"] for tag in tags} == {"dev"}
    assert {tag.get("partitions") for tag in during} == {"2024-02-01...2024-06-30", "2024-05-01", "2024-05-07"}
    logged = [json.loads(statement.tag) for statement in sent if statement.sql.startswith("CREATE MODEL ")]
    assert [tag["asset"] for tag in logged] == ["challenger_model"]
