"""The platform inside Snowflake: procedures do what the assets do, and tasks call them by the clock."""

import json
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from intent_platform.errors import TrainingRefused, WarehouseError
from intent_platform.partitions import TIMEZONE, Window, day_of
from intent_platform.platforms import platform_for
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_procedures, deploy_tasks
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform_tests.assets.conftest import Shop, made_csv, shop_settings
from intent_platform_tests.builders.observed_table import in_snowflake
from intent_platform_tests.snowflake_emulator import Fault

__all__ = ["made_csv"]
COMMIT = "c0ffee" * 6 + "c0ff"
MAY_LAST, JUNE = "2024-05-31", Window(day_of("2024-06-01"), day_of("2024-06-03"))


def at(text: str) -> datetime:
    """A moment in Tokyo."""
    return datetime.fromisoformat(text).replace(tzinfo=TIMEZONE)


@pytest.fixture
def shop(snowflake_settings, made_csv: Path, tmp_path: Path):
    template = shop_settings(tmp_path / "home", made_csv)
    settings = snowflake_settings(
        home=template.home, first_day=template.first_day, uci=template.uci, training=template.training
    )
    connector = SnowflakeConnector(settings)
    prepare(connector, None, lambda _: None, dry=False)
    deploy_procedures(connector, lambda _: None, commit=COMMIT, dry=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(settings, platform_for(settings), instance)


def answer(rows) -> dict[str, object]:
    found: dict[str, object] = json.loads(rows[0][0])
    return found


def test_tasks_play_a_month_as_the_assets_do(shop, emulator):
    connector = SnowflakeConnector(shop.settings)
    shop.load()
    dataset = shop.rows("DATASET")
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM DATASET WHERE SESSION_DATE = :day", day=day_of(MAY_LAST))

    deploy_tasks(connector, lambda _: None, resume=False, dry=False)
    assert emulator.tick(at("2024-06-01T05:00")) == {}  # suspended
    deploy_tasks(connector, lambda _: None, resume=True, dry=False)

    built = answer(emulator.tick(at("2024-06-01T05:00"))["DATASET_DAILY"])
    assert built["window"] == "[2024-05-31, 2024-06-01)"
    assert shop.rows("DATASET") == dataset
    trained = answer(emulator.tick(at("2024-06-01T10:00"))["TRAINING_MONTHLY"])
    assert [version.name for version in shop.platform.registry.versions()] == [trained["version"]]
    provenance = shop.platform.registry.version(str(trained["version"])).provenance
    assert (provenance.month, provenance.git_commit) == (day_of("2024-06-01"), COMMIT)
    decided = answer(emulator.tick(at("2024-06-15T10:00"))["MODEL_EVALUATION_MONTHLY"])
    assert decided["decision"] == "promote"
    assert decided["champion"] == trained["version"] == shop.champion
    for day in JUNE:
        tomorrow = at(f"{day}T08:00").replace(day=day.day + 1)
        assert answer(emulator.tick(tomorrow)["PREDICTION_DAILY"])["version"] == shop.champion
    by_task = shop.rows("SCORES", "UID, SESSION_DATE, MODEL_VERSION, SCORE", JUNE)
    shop.run("scores_job", JUNE.keys[0], JUNE.keys[-1])
    assert shop.rows("SCORES", "UID, SESSION_DATE, MODEL_VERSION, SCORE", JUNE) == by_task
    assert by_task

    second = answer([[call(shop, "CALL TRAINING('2024-05-01'::DATE)")]])["version"]
    with pytest.raises(Exception, match="v_000101_000000"):
        call(shop, "CALL ROLLBACK('v_000101_000000', 'a mistake')")
    back = answer([[call(shop, f"CALL ROLLBACK('{second}', 'a rehearsal')")]])
    assert back == {"rolled_back_from": trained["version"], "champion": second, "moved": True}
    assert shop.champion == second
    assert shop.platform.registry.version(str(trained["version"])).quarantine == "rolled back from: a rehearsal"
    assert [cause for _, _, cause in shop.ledger()] == ["first", "rollback"]


def test_a_challenger_is_trained_next_to_the_data_when_the_settings_say_so(shop):
    shop.load()
    nearby = shop.settings.training.model_copy(update={"place": "warehouse"})
    shop.settings = shop.settings.model_copy(update={"training": nearby})
    result = shop.run("training_job", "2024-05-01")
    [version] = shop.platform.registry.versions()
    assert version.provenance.run_id == result.run_id
    shop.settings = shop.settings.model_copy(update={"training": nearby.model_copy(update={"place": "process"})})
    shop.run("training_job", "2024-05-01")
    here = shop.platform.registry.versions()[-1]
    assert here.provenance.metrics == pytest.approx(version.provenance.metrics, rel=1e-9)
    shop.settings = shop.settings.model_copy(update={"training": nearby})
    with pytest.raises(TrainingRefused, match="no challenger for 2024-02"):
        shop.run("training_job", "2024-02-01")


def test_the_procedure_takes_the_days_of_a_table_that_somebody_else_fills(snowflake_settings):
    with in_snowflake(snowflake_settings) as filler, dg.DagsterInstance.ephemeral() as instance:
        connector = SnowflakeConnector(filler.settings)
        prepare(connector, None, lambda _: None, dry=False)
        deploy_procedures(connector, lambda _: None, commit=COMMIT, dry=False)
        filler.put(JUNE.start, 20, REGION=[-1])
        shop = Shop(filler.settings, platform_for(filler.settings), instance)
        built = answer([[call(shop, f"CALL DATASET('{JUNE.start}'::DATE)")]])
        assert (built["rows"], built["rejected"]) == (19, 1)
        taken = shop.rows("DATASET")
        shop.run("sessions_job", JUNE.keys[0])
        assert shop.rows("DATASET") == taken
        assert shop.rows("SOURCE_REJECTED", "REASONS") == [('["REGION below 0"]',)]


def call(shop: Shop, sql: str) -> str:
    with shop.platform.warehouse.connect() as connection:
        return str(connection.fetch(sql).column(0)[0].as_py())


def test_a_dry_run_shows_every_statement_and_sends_none(shop, emulator):
    connector = SnowflakeConnector(shop.settings)
    shown: list[str] = []
    begun = len(emulator.statements)
    deploy_procedures(connector, shown.append, commit=COMMIT, dry=True)
    deploy_tasks(connector, shown.append, resume=True, dry=True)
    prepare(connector, "ACCOUNTADMIN", shown.append, dry=True)
    assert len(emulator.statements) == begun
    text = "\n".join(shown)
    assert "CREATE OR REPLACE PROCEDURE ROLLBACK" in text
    assert "USING CRON 0 8 * * * Asia/Tokyo" in text
    assert "CREATE ROLE IF NOT EXISTS MLSYSTEM_DEV_RUNNER" in text
    assert connector.parameters["password"] not in text


def test_every_statement_of_a_task_is_tagged_and_what_is_done_is_logged(shop, emulator):
    connector = SnowflakeConnector(shop.settings)
    place = f"{connector.parameters['database']}.{connector.parameters['schema']}"
    deploy_tasks(connector, lambda _: None, resume=True, dry=False)
    with shop.platform.warehouse.connect() as connection:
        connection.execute("CREATE EVENT TABLE EVENTS")
        connection.execute(f"ALTER ACCOUNT SET EVENT_TABLE = {place}.EVENTS")
        connection.execute(f"ALTER DATABASE {connector.parameters['database']} SET LOG_LEVEL = INFO")
    begun = len(emulator.statements)
    emulator.tick(at("2024-06-01T05:00"))
    with pytest.raises(Exception, match="no version is champion yet"):
        emulator.tick(at("2024-06-01T08:00"))
    sent = emulator.statements[begun:]
    dataset = [json.loads(s.tag) for s in sent if '"asset": "dataset"' in s.tag]
    scores = [json.loads(s.tag) for s in sent if '"asset": "scores"' in s.tag]
    assert len(dataset) + len(scores) == len(sent)
    assert {tag.get("task") for tag in dataset} == {"DATASET_DAILY", None}  # the CALL is the task's, the rest its run's
    assert {tag.get("partitions") for tag in dataset} == {"2024-05-31", None}
    assert all(tag["deployment"] == "dev" for tag in (*dataset, *scores))
    assert any("run" in tag for tag in dataset)
    with shop.platform.warehouse.connect() as connection:
        logged = connection.fetch("SELECT RECORD, VALUE FROM EVENTS ORDER BY TIMESTAMP").to_pylist()
    logged_events = [(json.loads(row["RECORD"])["severity_text"], row["VALUE"].splitlines()[0]) for row in logged]
    assert [level for level, _ in logged_events] == ["INFO", "ERROR"]
    assert "is done" in logged_events[0][1]
    assert "failed" in logged_events[1][1]


def test_a_failure_inside_of_a_procedure_says_what_to_do_and_tags_are_given_back(shop, emulator):
    emulator.inject(Fault.DENIED, matching="INSERT INTO DATASET")
    with shop.platform.warehouse.connect() as connection:
        with pytest.raises(WarehouseError, match=r"stored procedure failed.*may not do this in MLSYSTEM_DEV"):
            connection.fetch("CALL DATASET('2024-05-01'::DATE)")
        connection.fetch("SELECT 'afterwards' AS T")
    after = next(s for s in reversed(emulator.statements) if "'afterwards'" in s.sql)
    assert '"asset"' not in after.tag


def test_a_procedure_that_was_never_deployed_is_named_with_its_remedy(snowflake_settings):
    platform = platform_for(snowflake_settings())
    with platform.warehouse.connect() as connection, pytest.raises(WarehouseError, match="make deploy-sproc"):
        connection.fetch("CALL TRAINING('2024-05-01'::DATE, 'a-run')")
