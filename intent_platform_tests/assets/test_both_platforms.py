"""Both platforms give the same answers, and on Snowflake statements are tagged and rows stay where they are."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, clock_set_to
from intent_platform.platforms.local.warehouse import DuckDBConnection
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.assets.conftest import Shop, open_shop, shop_settings
from intent_platform_tests.assets.statement_record import Record, recorded, statements_of_the_product
from intent_platform_tests.assets.story import Story
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.conftest import created_schema, new_schema_name
from intent_platform_tests.snowflake_emulator.emulator import SentStatement

#: Statements that only one platform has.
ONE_PLATFORMS_OWN = {"CALL TRAINING(:month, :run_id)": "only Snowflake has procedures; automation/test_procedures.py"}


def snowflake_shop_settings(home: Path, made_csv: Path, emulator) -> Settings:
    """The settings of `shop_settings` for a schema of the emulated account."""
    template = shop_settings(home, made_csv)
    with clean_environment():
        return load_settings(
            home=template.home,
            deployment="dev",
            first_day=template.first_day,
            uci=template.uci,
            training=template.training,
            feed="uci",
            snowflake={**emulator.connection_parameters, "schema": new_schema_name()},
        )


class PlayedStory(NamedTuple):
    """The checks that failed in the story, and the statements with their answers."""

    failed_checks: set[str]
    record: Record


class TestStory:
    @pytest.fixture(scope="class")
    @classmethod
    def local(cls, tmp_path_factory, made_csv, empty_registry) -> PlayedStory:
        home = tmp_path_factory.mktemp("local") / "home"
        empty_registry(home)
        with pytest.MonkeyPatch.context() as patch, open_shop(shop_settings(home, made_csv)) as shop:
            record = recorded(patch, DuckDBConnection)
            return PlayedStory(Story(shop).play(), record)

    @pytest.fixture(scope="class")
    @classmethod
    def snowflake(cls, tmp_path_factory, made_csv, emulator) -> PlayedStory:
        settings = snowflake_shop_settings(tmp_path_factory.mktemp("snowflake") / "home", made_csv, emulator)
        with pytest.MonkeyPatch.context() as patch, created_schema(settings), open_shop(settings) as shop:
            record = recorded(patch, SnowflakeConnection)
            return PlayedStory(Story(shop).play(), record)

    def test_fails_the_same_checks(self, local, snowflake):
        assert local.failed_checks == snowflake.failed_checks

    def test_sends_the_same_statements(self, local, snowflake):
        assert local.record.statements == snowflake.record.statements

    def test_gets_the_same_answers(self, local, snowflake):
        for (sql, expected), (_, found) in zip(local.record.answers, snowflake.record.answers, strict=True):
            assert found == expected, sql

    def test_leaves_out_no_statement_of_the_product(self, local, snowflake):
        for statement in statements_of_the_product():
            if statement.sql not in ONE_PLATFORMS_OWN:
                assert local.record.has(statement), statement
                assert snowflake.record.has(statement), statement


class TestSimulatedDay:
    def test_has_the_same_rows_on_both_platforms(self, make_settings, snowflake_settings):
        rows_by_platform: list[list[tuple[Any, ...]]] = []
        columns = ", ".join(column.name for column in SESSION_COLUMNS)
        late = {"kind": "late_rows", "start": "2024-05-02", "strength": 0.2}
        simulated = {"seed": 3, "sessions_per_day": 300, "scenario": late}
        for make in (make_settings, snowflake_settings):
            settings = make(feed="simulated", simulated=simulated, first_day="2024-05-01")
            with clock_set_to(datetime(2024, 5, 4, 5, tzinfo=TIMEZONE)), open_shop(settings) as shop:
                shop.run("sessions_job", "2024-05-01", "2024-05-03")
                rows_by_platform.append(shop.rows("SOURCE", columns))
        assert len(rows_by_platform[0]) > 300
        assert rows_by_platform[0] == rows_by_platform[1]


class ScoredShop(NamedTuple):
    """A shop on the emulated account with the scores of one day, the statements of its runs, and the runs' ids."""

    shop: Shop
    sent: list[SentStatement]
    runs: set[str]

    @property
    def tags_of_runs(self) -> list[dict[str, Any]]:
        """The query tags of statements that a run sent."""
        return [tag for tag in self.tags(self.sent) if "run" in tag]

    @staticmethod
    def tags(statements: list[SentStatement]) -> list[dict[str, Any]]:
        return [json.loads(statement.tag) for statement in statements if statement.tag]


@pytest.fixture(scope="module")
def scored_shop(made_csv: Path, tmp_path_factory: pytest.TempPathFactory, emulator) -> Iterator[ScoredShop]:
    settings = snowflake_shop_settings(tmp_path_factory.mktemp("snowflake") / "home", made_csv, emulator)
    with created_schema(settings), open_shop(settings) as shop:
        begun = len(emulator.statements)
        shop.load()
        shop.crown()
        shop.run("scores_job", "2024-05-07")
        yield ScoredShop(shop, emulator.statements[begun:], {run.run_id for run in shop.instance.get_runs()})


class TestQueryTags:
    """Snowpark and the ML library send tagged statements, too."""

    def test_are_on_every_statement(self, scored_shop):
        assert [statement.sql for statement in scored_shop.sent if not statement.tag] == []

    def test_name_the_deployment(self, scored_shop):
        assert {tag["deployment"] for tag in scored_shop.tags(scored_shop.sent)} == {"dev"}

    def test_name_the_asset(self, scored_shop):
        assert {tag["asset"] for tag in scored_shop.tags_of_runs} == {
            *("source", "dataset", "challenger_model", "evaluation", "champion_alias", "scores"),
            "monitoring",
        }

    def test_name_the_run(self, scored_shop):
        assert {tag["run"] for tag in scored_shop.tags_of_runs} == scored_shop.runs

    def test_name_the_partitions(self, scored_shop):
        partitions = {tag.get("partitions") for tag in scored_shop.tags_of_runs}
        assert partitions == {"2024-02-01...2024-06-30", "2024-05-01", "2024-05-07"}

    def test_of_a_logged_model_name_the_challenger(self, scored_shop):
        logged = [statement for statement in scored_shop.sent if statement.sql.startswith("CREATE MODEL ")]
        assert [tag["asset"] for tag in scored_shop.tags(logged)] == ["challenger_model"]


class TestScoringOnSnowflake:
    @pytest.fixture(scope="class")
    @classmethod
    def sent(cls, scored_shop, emulator) -> list[str]:
        """The statements of a run that makes scores alone."""
        begun = len(emulator.statements)
        job = build_definitions(scored_shop.shop.settings).resolve_job_def("scores_job")
        only = [dg.AssetKey("scores")]
        job.execute_in_process(partition_key="2024-05-07", instance=scored_shop.shop.instance, asset_selection=only)
        return [statement.sql for statement in emulator.statements[begun:]]

    def test_is_one_statement_that_calls_the_model(self, scored_shop, sent):
        inserted = [sql for sql in sent if sql.startswith("INSERT INTO SCORES")]
        assert len(inserted) == 1
        assert f"MODEL(PURCHASE_INTENT, {scored_shop.shop.champion.upper()})!PREDICT_PROBA(" in inserted[0]

    def test_moves_no_file(self, sent):
        assert not any("GET " in sql or "PUT " in sql for sql in sent)

    def test_fetches_no_features(self, sent):
        assert not any(sql.startswith("SELECT") and "PAGEVALUES" in sql and "!" not in sql for sql in sent)


#: Loads the code location in a process whose sockets refuse to connect.
LOADS = """
import socket

def refuse(*_, **__):
    raise AssertionError("the network was touched")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import dagster as dg
from intent_platform.definitions import defs
dg.Definitions.validate_loadable(defs())
"""


class TestCodeLocation:
    @pytest.mark.parametrize(
        "account",
        [
            pytest.param({}, id="without account"),
            pytest.param({"ACCOUNT": "a", "USER": "u", "PASSWORD": "p"}, id="password"),
            pytest.param({"CONNECTION": "nowhere"}, id="named connection"),
        ],
    )
    def test_loads_without_the_network(self, tmp_path, account):
        """In a process of its own, as `dagster dev` loads it: before anything was imported."""
        environment = {f"INTENT_PLATFORM_SNOWFLAKE_{name}": value for name, value in account.items()}
        environment |= {"INTENT_PLATFORM_DEPLOYMENT": "dev", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        subprocess.run([sys.executable, "-c", LOADS], env=environment, cwd=tmp_path, check=True, timeout=120)
