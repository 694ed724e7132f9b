"""The platform inside Snowflake: procedures do the work of the assets, and tasks call them by the clock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import dagster as dg
import pytest

from intent_platform.errors import TrainingRefused, WarehouseError
from intent_platform.partitions import day_of, trailing_window
from intent_platform.platforms import platform_for
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_procedures
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.platforms.snowflake.tasks import deploy_tasks
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings.operation import RetentionSettings
from intent_platform_tests.assets.conftest import MONTHS, Shop, made_csv
from intent_platform_tests.automation.procedures import (
    COMMIT,
    JUNE,
    MEASURES,
    Deploy,
    PlayedMonth,
    answer,
    at,
    call,
    deploy,
    deployed,
    play_month,
)
from intent_platform_tests.builders.observed_table import in_snowflake
from intent_platform_tests.builders.sensors import days_of, tick
from intent_platform_tests.snowflake_emulator import Fault

__all__ = ["deployed", "made_csv"]


@pytest.fixture(scope="module")
def month(deployed: Deploy, emulator) -> Iterator[PlayedMonth]:
    """The tasks are deployed suspended and then resumed. At the end they are suspended for the other tests."""
    with deployed() as shop:
        connector = SnowflakeConnector(shop.settings)
        deploy_tasks(connector, lambda _: None, resume=False, dry=False)
        assert emulator.tick(at("2024-06-01T05:00")) == {}, "suspended tasks ran"
        deploy_tasks(connector, lambda _: None, resume=True, dry=False)
        played = play_month(shop, emulator)
        deploy_tasks(connector, lambda _: None, resume=False, dry=False)
        yield played


class TestTasks:
    def test_build_the_dataset_of_the_asset(self, month):
        assert month.built["window"] == "[2024-05-31, 2024-06-01)"
        assert month.dataset_by_task == month.dataset_by_asset

    def test_train_the_challenger_of_the_month(self, month):
        [version] = month.versions
        assert version.name == month.trained["version"]
        assert (version.provenance.month, version.provenance.git_commit) == (day_of("2024-06-01"), COMMIT)

    def test_promote_the_first_challenger(self, month):
        assert month.decided["decision"] == "promote"
        assert month.decided["champion"] == month.trained["version"] == month.champion

    def test_score_each_day_with_the_champion(self, month):
        assert [scored["version"] for scored in month.scored] == [month.champion] * len(JUNE)

    def test_write_the_scores_of_the_asset(self, month):
        assert month.scores_by_task
        assert month.scores_by_task == month.scores_by_asset

    def test_write_the_measures_of_the_asset(self, month):
        assert month.measures_by_task
        assert month.measures_by_task == month.measures_by_asset


class TestMonitoring:
    def test_changes_nothing_when_it_is_called_again(self, month):
        call(month.shop, f"CALL MONITORING('{JUNE.start}'::DATE)")
        assert month.shop.rows("MONITORING", MEASURES, JUNE) == month.measures_by_asset

    def test_answers_with_its_flagged_measures_and_failed_checks(self, month):
        answered = call(month.shop, f"CALL MONITORING('{JUNE.start}'::DATE)")
        flagged = month.shop.rows("MONITORING", "METRIC, SENTENCE, FLAGGED", trailing_window(JUNE.start, 1))
        assert answered["flagged"] == {metric: sentence for metric, sentence, is_flagged in flagged if is_flagged}
        assert set(answered) == {"window", "rows", "flagged", "failed_checks"}


class TestRollback:
    """The tests run in order. The champion of June scored `JUNE` before."""

    @dataclass
    class RolledBack:
        first: str
        second: str
        asked_by_sensor: list[str]
        failing: dict[str, object]
        answer: dict[str, object]

    @pytest.fixture(scope="class")
    @classmethod
    def rolled_back(cls, month, emulator) -> RolledBack:
        """The champion of June was rolled back to a version of May. The first call may not write SCORES."""
        second = str(call(month.shop, "CALL TRAINING('2024-05-01'::DATE)")["version"])
        statement = f"CALL ROLLBACK('{second}', 'a rehearsal')"
        emulator.inject(Fault.DENIED, matching="INSERT INTO SCORES")
        failing = call(month.shop, statement)
        asked = tick(month.shop.settings, "champion_sensor", month.shop.instance).run_requests
        answered = call(month.shop, statement)
        return cls.RolledBack(month.champion, second, [str(days_of(request)) for request in asked], failing, answered)

    def test_answers_with_both_versions_and_its_checks(self, rolled_back):
        assert rolled_back.failing == {
            "rolled_back_from": rolled_back.first,
            "champion": rolled_back.second,
            "moved": True,
            "repairs": [],
            "rescored": [],
            "not_rescored": [str(JUNE)],
            "failed_checks": {},
        }

    def test_scores_again_what_an_earlier_call_left(self, rolled_back):
        assert rolled_back.answer["moved"] is False
        assert rolled_back.answer["rescored"] == [str(JUNE)] == rolled_back.asked_by_sensor
        assert rolled_back.answer["not_rescored"] == []

    def test_scores_recent_days_with_the_new_champion(self, month, rolled_back):
        versions = {version for (version,) in month.shop.rows("SCORES", "MODEL_VERSION", JUNE)}
        assert versions == {rolled_back.second}
        measured = set(month.shop.rows("MONITORING", "SESSION_DATE, MODEL_VERSION", JUNE))
        assert measured == {(day, rolled_back.second) for day in JUNE}

    def test_moves_the_champion(self, month, rolled_back):
        assert month.shop.champion == rolled_back.second
        assert [cause for _, _, cause in month.shop.ledger()] == ["first", "rollback"]

    def test_quarantines_the_version_it_replaces(self, month, rolled_back):
        replaced = month.shop.platform.registry.version(rolled_back.first)
        assert replaced.quarantine == "rolled back from: a rehearsal"

    def test_lets_an_evaluation_score_again_what_is_left(self, month, rolled_back):
        """As if the scores were those of the first champion again. The evaluation keeps the champion."""
        with month.shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("UPDATE SCORES SET MOVE = 1, MODEL_VERSION = :first", first=rolled_back.first)
        decided = call(month.shop, "CALL MODEL_EVALUATION('2024-06-01'::DATE)")
        assert (decided["decision"], decided["champion"]) == ("hold", rolled_back.second)
        assert decided["rescored"] == [str(JUNE)]

    def test_refuses_an_unknown_version(self, month):
        with pytest.raises(Exception, match="v_000101_000000"):
            call(month.shop, "CALL ROLLBACK('v_000101_000000', 'a mistake')")


class TestTraining:
    """Setting `training.place` to `warehouse` trains next to the data."""

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, deployed: Deploy) -> Iterator[Shop]:
        with deployed() as shop:
            shop.load()
            yield shop

    @staticmethod
    def trained_in(shop: Shop, place: str, month: str) -> tuple[dg.ExecuteInProcessResult, ModelVersion]:
        """The run that trains the challenger of a month, and its version."""
        training = shop.settings.training.model_copy(update={"place": place})
        there = replace(shop, settings=shop.settings.model_copy(update={"training": training}))
        return there.run("training_job", month), shop.platform.registry.versions()[-1]

    def test_in_the_warehouse_equals_training_in_the_process(self, loaded):
        result, version = self.trained_in(loaded, "warehouse", "2024-05-01")
        assert loaded.platform.registry.versions() == [version]
        assert version.provenance.run_id == result.run_id
        _, in_process = self.trained_in(loaded, "process", "2024-05-01")
        assert in_process.provenance.metrics == pytest.approx(version.provenance.metrics, rel=1e-9)

    def test_in_the_warehouse_is_refused_without_sessions(self, loaded):
        with pytest.raises(TrainingRefused, match="no challenger for 2024-02"):
            self.trained_in(loaded, "warehouse", "2024-02-01")


class TestDataset:
    def test_procedure_takes_the_days_of_an_observed_table(self, snowflake_settings):
        with in_snowflake(snowflake_settings) as filler, dg.DagsterInstance.ephemeral() as instance:
            deploy(SnowflakeConnector(filler.settings))
            filler.put(JUNE.start, 20, REGION=[-1])
            shop = Shop(filler.settings, platform_for(filler.settings), instance)
            built = call(shop, f"CALL DATASET('{JUNE.start}'::DATE)")
            assert (built["rows"], built["rejected"]) == (19, 1)
            taken = shop.rows("DATASET")
            shop.run("sessions_job", JUNE.keys[0])
            assert shop.rows("DATASET") == taken
            assert shop.rows("SOURCE_REJECTED", "REASONS") == [('["REGION is below 0"]',)]


class TestRetention:
    def test_deletes_what_the_deployed_settings_do_not_keep(self, deployed, emulator):
        """June is over by the clock of this machine, so every session is too old."""
        with deployed() as shop:
            shop.load()
            kept = shop.settings.model_copy(update={"retention": RetentionSettings(raw_days=417)})
            connector, features = SnowflakeConnector(kept), shop.rows("DATASET")
            deploy(connector)
            deploy_tasks(connector, lambda _: None, resume=True, dry=False)
            told = answer(emulator.tick(at("2026-11-01T04:00"))["RETENTION_DAILY"])
            deploy_tasks(connector, lambda _: None, resume=False, dry=False)
            assert told["rows"] == {"SOURCE": sum(MONTHS.values()), "SOURCE_REJECTED": 0}
            assert (shop.rows("SOURCE"), shop.rows("DATASET")) == ([], features)

    def test_is_refused_by_settings_that_keep_everything(self, month):
        with pytest.raises(WarehouseError, match=r"retention\.raw_days is null"):
            call(month.shop, "CALL RETENTION()")


class TestDryRun:
    @pytest.fixture
    def connector(self, snowflake_settings) -> SnowflakeConnector:
        return SnowflakeConnector(snowflake_settings())

    @pytest.fixture
    def statements_sent(self, emulator, connector) -> int:
        """How many statements the account had got before the dry run."""
        return len(emulator.statements)

    @pytest.fixture
    def shown(self, connector, statements_sent) -> str:
        lines: list[str] = []
        deploy_procedures(connector, lines.append, commit=COMMIT, dry=True)
        deploy_tasks(connector, lines.append, resume=True, dry=True)
        prepare(connector, "ACCOUNTADMIN", lines.append, dry=True)
        return "\n".join(lines)

    def test_sends_no_statement(self, emulator, statements_sent, shown):
        assert len(emulator.statements) == statements_sent

    def test_shows_the_statements(self, shown):
        assert "CREATE OR REPLACE PROCEDURE ROLLBACK" in shown
        assert "USING CRON 0 5 * * * Asia/Tokyo" in shown
        assert "AFTER DATASET_DAILY" in shown
        assert "USER_TASK_TIMEOUT_MS = 3600000 " in shown
        assert "CREATE ROLE IF NOT EXISTS MLSYSTEM_DEV_RUNNER" in shown

    def test_hides_the_password(self, connector, shown):
        assert connector.parameters["password"] not in shown


class TestFailedProcedure:
    @dataclass
    class Failed:
        error: WarehouseError
        tag_of_next_statement: str

    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, deployed: Deploy, emulator) -> Failed:
        """The role may not write DATASET."""
        with deployed() as shop:
            emulator.inject(Fault.DENIED, matching="INSERT INTO DATASET")
            with shop.platform.warehouse.connect() as connection:
                with pytest.raises(WarehouseError) as caught:
                    connection.fetch("CALL DATASET('2024-05-01'::DATE)")
                connection.fetch("SELECT 'afterwards' AS T")
            afterwards = next(s for s in reversed(emulator.statements) if "'afterwards'" in s.sql)
            return cls.Failed(caught.value, afterwards.tag)

    def test_says_what_the_role_may_not_do(self, failed):
        assert re.search(r"stored procedure failed.*may not do this in MLSYSTEM_DEV", str(failed.error))

    def test_gives_the_query_tag_back(self, failed):
        assert '"asset"' not in failed.tag_of_next_statement


class TestMissingProcedure:
    def test_is_named_with_its_remedy(self, snowflake_settings):
        platform = platform_for(snowflake_settings())
        with platform.warehouse.connect() as connection, pytest.raises(WarehouseError, match="make deploy-sproc"):
            connection.fetch("CALL TRAINING('2024-05-01'::DATE, 'a-run')")
