"""The model monitor of the champion: its statements, and how it follows the moves on the emulated account."""

from collections.abc import Callable
from datetime import date
from hashlib import md5
from typing import Any

import pyarrow as pa
import pytest

from intent_platform.__main__ import main
from intent_platform.errors import NoChampion
from intent_platform.modelling.model import IntentModel
from intent_platform.partitions import days_window
from intent_platform.pipeline.scoring import score
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import settle
from intent_platform.platforms.ports import Platform
from intent_platform.platforms.snowflake.monitor import monitor_champion
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import Settings
from intent_platform.tables import DATASET
from intent_platform_tests.builders.environment import act_as_user, clean_environment
from intent_platform_tests.platforms.conftest import log_version, move, moves_of
from intent_platform_tests.snowflake_emulator.faults import Fault

TRAINING_DAY, SCORED_DAY = date(2024, 3, 5), date(2024, 5, 2)


def fill_dataset(platform: Platform, day: date, sessions: int) -> None:
    """Put sessions of a day into DATASET."""
    values = {"VARCHAR": "x", "INTEGER": 1, "DOUBLE": 0.5, "DATE": day}
    rows = {column.name: [values[column.type]] * sessions for column in DATASET.columns}
    rows["UID"] = [f"{day}-{n}" for n in range(sessions)]
    with platform.warehouse.connect(writing=True) as connection:
        connection.stage("FILLED", pa.table(rows))
        connection.execute(f"INSERT INTO DATASET SELECT {', '.join(DATASET.column_names)} FROM FILLED")


def monitors(platform: Platform) -> dict[str, str]:
    """The state of each monitor in the schema, by its name."""
    with platform.warehouse.connect() as connection:
        shown = connection.fetch("SHOW MODEL MONITORS IN SCHEMA").to_pylist()
    return {row["name"]: row["monitor_state"] for row in shown}


def monitor_of(version: ModelVersion) -> str:
    return f"MONITOR_{version.name}".upper()


def start(platform: Platform) -> list[str]:
    shown: list[str] = []
    monitor_champion(platform, shown.append, dry=False)
    return shown


@pytest.fixture(scope="module")
def new_shop(new_snowflake_settings, model: IntentModel) -> Callable[..., Any]:
    """Make an account with a champion, a challenger and sessions."""

    def make(*days: date) -> tuple[Settings, Platform, ModelVersion, ModelVersion]:
        settings = new_snowflake_settings()
        platform = platform_for(settings)
        one, two = log_version(platform, model), log_version(platform, model)
        for day in days:
            fill_dataset(platform, day, 10)
        move(platform, one, None, "first")
        return settings, platform, one, two

    return make


class TestMonitor:
    @pytest.fixture(scope="class")
    @classmethod
    def monitored(cls, new_shop) -> tuple[Platform, ModelVersion, list[str]]:
        """A shop with scores of one day, its champion, and the statements that created the monitor."""
        _, platform, champion, _ = new_shop(TRAINING_DAY, SCORED_DAY)
        score(platform, "champion", days_window([SCORED_DAY.isoformat()]))
        return platform, champion, start(platform)

    def test_is_that_of_the_champion(self, monitored):
        platform, champion, _ = monitored
        assert monitors(platform) == {monitor_of(champion): "ACTIVE"}

    def test_needs_no_statement_when_it_is_started_again(self, monitored):
        assert start(monitored[0]) == []

    def test_reads_what_the_version_scored(self, monitored):
        platform, champion, _ = monitored
        with platform.warehouse.connect() as connection:
            source = connection.fetch(f"SELECT * FROM MONITORED_{champion.name}")
            scores = connection.fetch("SELECT ROUND(SCORE, 9) AS SCORE FROM SCORES")
        identifiers = {md5(f"{SCORED_DAY}-{n}{SCORED_DAY}".encode()).hexdigest() for n in range(10)}
        assert set(source["SESSION_ID"].to_pylist()) == identifiers
        assert "UID" not in source.column_names
        assert sorted(source["SCORE"].to_pylist()) == pytest.approx(sorted(scores["SCORE"].to_pylist()))
        assert set(source["PURCHASED"].to_pylist()) == {1}

    def test_compares_with_the_training_sessions(self, monitored):
        platform, champion, statements = monitored
        assert f"BASELINE = BASELINE_{champion.name}".upper() in statements[-1].upper()
        with platform.warehouse.connect() as connection:
            baseline = connection.fetch(f"SELECT * FROM BASELINE_{champion.name}")
        assert {moment.date() for moment in baseline["SESSION_TIME"].to_pylist()} == {TRAINING_DAY}
        assert "baseline 10" in baseline["SESSION_ID"].to_pylist()

    def test_has_no_baseline_without_training_sessions(self, new_shop):
        _, platform, champion, _ = new_shop()
        assert not any("BASELINE" in statement for statement in start(platform))
        assert monitors(platform) == {monitor_of(champion): "ACTIVE"}

    def test_needs_a_champion(self, new_snowflake_settings):
        with pytest.raises(NoChampion, match="promote a version first"):
            start(platform_for(new_snowflake_settings()))


class TestMove:
    def test_brings_no_monitor_before_the_first(self, new_shop):
        _, platform, one, two = new_shop()
        move(platform, two, one)
        assert monitors(platform) == {}

    def test_brings_the_monitor_of_the_new_champion(self, new_shop):
        _, platform, one, two = new_shop()
        start(platform)
        move(platform, two, one)
        assert monitors(platform) == {monitor_of(one): "SUSPENDED", monitor_of(two): "ACTIVE"}
        move(platform, one, two, "rollback", quarantine_reason="too high")
        assert monitors(platform) == {monitor_of(one): "ACTIVE", monitor_of(two): "SUSPENDED"}

    @pytest.mark.parametrize("refused", ["SHOW MODEL MONITORS", "CREATE MODEL MONITOR", "SUSPEND"])
    def test_succeeds_without_its_monitor(self, new_shop, emulator, caplog, refused):
        _, platform, one, two = new_shop()
        start(platform)
        emulator.inject(Fault.DENIED, matching=refused)
        move(platform, two, one)
        assert platform.registry.champion() == two
        assert len(moves_of(platform)) == 2
        assert f"the model monitor does not follow {two.name}: run make monitor" in caplog.text
        start(platform)
        assert monitors(platform) == {monitor_of(one): "SUSPENDED", monitor_of(two): "ACTIVE"}

    def test_that_was_killed_is_followed_when_it_is_settled(self, new_shop):
        _, platform, one, two = new_shop()
        start(platform)
        platform.registry.move_champion(two, one)
        settle(platform)
        assert monitors(platform) == {monitor_of(one): "SUSPENDED", monitor_of(two): "ACTIVE"}


class TestCommand:
    def test_prints_every_statement_and_runs_it(self, new_shop, capsys):
        settings, platform, champion, _ = new_shop(TRAINING_DAY)
        known = settings.snowflake.model_dump(by_alias=True)
        place = {f"snowflake_{name}": known[name] for name in ("account", "user", "host", "port", "protocol", "schema")}
        with clean_environment() as patch:
            act_as_user(patch, home=settings.home, deployment="dev", snowflake_password="no secret", **place)
            assert main(["monitor", "--dry-run"]) == 0
            dry = capsys.readouterr().out
            assert monitors(platform) == {}
            assert main(["monitor"]) == 0
        assert capsys.readouterr().out == dry
        assert [line.split()[0] for line in dry.splitlines()] == ["CREATE"] * 3
        assert monitors(platform) == {monitor_of(champion): "ACTIVE"}
