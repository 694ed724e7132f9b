"""The retention job: when it exists, what its run shows, and that nobody asks for a deleted day."""

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from intent_platform.assets import data_versions
from intent_platform.automation.retention import RETENTION_JOB
from intent_platform.definitions import build_definitions
from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.pipeline.expiry import delete_expired
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import challenger_of
from intent_platform.sessions.choice import session_source
from intent_platform.settings import Settings
from intent_platform.settings.operation import RetentionSettings
from intent_platform.tables import EVALUATIONS
from intent_platform_tests.assets.conftest import Shop, crowned_home, made_csv, open_shop, shop_settings
from intent_platform_tests.automation.conftest import requested, run_range
from intent_platform_tests.builders.sensors import YESTERDAY, count, days_of, drop, tick

__all__ = ["crowned_home", "made_csv"]

RAW_DAYS = 90


def keeping(settings: Settings, raw_days: int | None = RAW_DAYS) -> Settings:
    """The settings with a retention; `model_copy` does not judge it."""
    return settings.model_copy(
        update={
            "retention": RetentionSettings(raw_days=raw_days),
            "first_day": YESTERDAY - timedelta(days=200),
        }
    )


def delete(settings: Settings, instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run the job. Returns the metadata of its output."""
    job = build_definitions(settings).resolve_job_def(RETENTION_JOB)
    result = job.execute_in_process(instance=instance)
    (output,) = [event for event in result.all_events if event.is_successful_output]
    return {name: entry.value for name, entry in (output.step_output_data.metadata or {}).items()}


class TestJob:
    def test_exists_only_with_the_setting(self, landing):
        def names(raw_days: int | None) -> set[str]:
            repository = build_definitions(keeping(landing, raw_days)).get_repository_def()
            return {job.name for job in repository.get_all_jobs()}

        assert names(RAW_DAYS) - names(None) == {RETENTION_JOB}

    def test_runs_every_day_at_its_hour(self, landing):
        definitions = build_definitions(keeping(landing))
        schedule = definitions.resolve_schedule_def("retention_schedule")
        moment = datetime(2026, 4, 1, 4, tzinfo=TIMEZONE)
        context = dg.build_schedule_context(
            scheduled_execution_time=moment, repository_def=definitions.get_repository_def()
        )
        (request,) = schedule.evaluate_tick(context).run_requests or []
        assert (schedule.job_name, schedule.cron_schedule, request.partition_key) == (RETENTION_JOB, "0 4 * * *", None)

    def test_shows_what_it_deleted(self, landing, instance, capsys):
        settings = keeping(landing, None)
        old = YESTERDAY - timedelta(days=RAW_DAYS)
        for day in (old, old + timedelta(days=1)):
            drop(settings, day)
            run_range(settings, instance, "sessions_job", day.isoformat(), day.isoformat())
        assert delete(keeping(settings), instance) == {
            "kept_from": (old + timedelta(days=1)).isoformat(),
            "rows_deleted_from_source": 20,
            "rows_deleted_from_source_rejected": 0,
            "files_deleted": 1,
            "files": f"{old}.csv",
            "copies_deleted": "none",
        }
        assert "20 rows of SOURCE, 0 rows of SOURCE_REJECTED, 1 accepted files." in capsys.readouterr().err
        assert delete(keeping(settings), instance)["rows_deleted_from_source"] == 0


class TestDeletedDays:
    @pytest.fixture
    def deleted(self, landing, instance) -> tuple[Settings, Window]:
        """A shop of a day that was deleted and a day that is kept, both built by another release."""
        settings, old = keeping(landing, None), YESTERDAY - timedelta(days=RAW_DAYS)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(data_versions, "CODE_VERSION", "earlier")
            for day in (old, old + timedelta(days=1)):
                drop(settings, day)
                run_range(settings, instance, "sessions_job", day.isoformat(), day.isoformat())
        delete(keeping(settings), instance)
        return settings, Window(old + timedelta(days=1), old + timedelta(days=2))

    @pytest.mark.parametrize("raw_days", [RAW_DAYS, None], ids=["by the setting", "by the record"])
    def test_are_not_rebuilt_by_another_release(self, deleted, instance, raw_days):
        settings, kept = deleted
        requests = requested(keeping(settings, raw_days), instance)
        assert [days_of(request) for request in requests if request.asset_selection] == [kept]

    def test_are_not_requested_for_a_late_file(self, deleted, instance):
        settings, kept = deleted
        late = kept.start - timedelta(days=1)
        drop(settings, late, name="late.csv", seed=1)
        drop(settings, kept.start, name="kept.csv", seed=1)
        requests = tick(keeping(settings), "landing_sensor", instance).run_requests
        assert {day for request in requests for day in days_of(request)} == {kept.start, YESTERDAY}

    def test_cannot_be_materialized(self, deleted, instance):
        settings, kept = deleted
        job = build_definitions(keeping(settings)).resolve_job_def("sessions_job")
        day = (kept.start - timedelta(days=1)).isoformat()
        before = count(settings, "DATASET")
        result = job.execute_in_process(
            partition_key=day, instance=instance, asset_selection=[dg.AssetKey("dataset")], raise_on_error=False
        )
        (failure,) = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
        assert failure is not None
        assert f"Choose days from {kept.start} on" in str(failure.description)
        assert count(settings, "DATASET") == before


class TestWindows:
    """Retention that is longer than the windows changes neither the challenger nor its evaluation."""

    @pytest.fixture(scope="class")
    @classmethod
    def shops(cls, tmp_path_factory, crowned_home: Path, made_csv: Path) -> Iterator[list[Shop]]:
        """Two copies of a shop that train and evaluate June at its end. The second one deleted raw sessions before."""
        homes = [shutil.copytree(crowned_home, tmp_path_factory.mktemp("shop") / "home") for _ in range(2)]
        template = [shop_settings(home, made_csv) for home in homes]
        settings = [s.model_copy(update={"gate": s.gate.model_copy(update={"pool_months": 0})}) for s in template]
        with (
            clock_set_to(datetime(2024, 6, 30, 12, tzinfo=TIMEZONE)),
            open_shop(settings[0]) as without,
            open_shop(settings[1]) as shortened,
        ):
            gone = delete_expired(
                platform_for(settings[1]), session_source(settings[1]), 138, settings[1].landing_folder, run_id="r"
            )
            assert gone.kept_from == date(2024, 2, 13)
            assert gone.rows["SOURCE"] > 0
            for shop in (without, shortened):
                shop.run("training_job", "2024-06-01")
                shop.run("evaluation_job", "2024-06-01")
            yield [without, shortened]

    def test_are_those_of_the_least_retention(self, make_settings):
        for raw_days in (138, None):
            kept = make_settings(gate={"pool_months": 0}, retention={"raw_days": raw_days}).retention.raw_days
            assert kept == raw_days

    def test_give_the_same_model(self, shops):
        first, second = (challenger_of(shop.platform.registry.versions(), date(2024, 6, 1)) for shop in shops)
        assert first is not None
        assert second is not None
        assert first.digest == second.digest

    def test_give_the_same_decision(self, shops):
        differing = ("CHALLENGER", "DETAILS", "DECIDED_AT", "RUN_ID")
        compared = [name for name in EVALUATIONS.column_names if name not in differing]
        rows = []
        for shop in shops:
            with shop.platform.warehouse.connect() as connection:
                found = connection.fetch(f"SELECT {', '.join(compared)} FROM EVALUATIONS ORDER BY MONTH").to_pylist()
            rows.append([{**row, "REASONS": row["REASONS"][:40]} for row in found])
        assert rows[0][-1]["MONTH"] == date(2024, 6, 1)
        assert rows[0] == rows[1]
