"""A small shop: made sessions, a platform of its own, and materializing assets as Dagster does."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from intent_platform.definitions import build_definitions
from intent_platform.instance import run_job
from intent_platform.partitions import Window, day_of
from intent_platform.pipeline.checks import CheckContext, all_checks
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.choice import session_source
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import SOURCE
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.builders.sessions import write_uci_csv

MONTHS = {"Feb": 120, "Mar": 300, "May": 400, "June": 300}
QUICK = {"trials": 2, "folds": 3, "iterations": 60}

Rows = list[tuple[Any, ...]]


@dataclass
class Shop:
    """A platform under the real definitions and an instance of its own."""

    settings: Settings
    platform: Platform
    instance: dg.DagsterInstance

    def run(self, job: str, key: str = "", last: str = "", config: dict[str, Any] | None = None) -> Any:
        """Run a job for one partition, for the range `key` to `last`, or without either."""
        tags = {"dagster/asset_partition_range_start": key, "dagster/asset_partition_range_end": last}
        return run_job(
            build_definitions(self.settings),
            self.instance,
            job,
            partition=key if key and not last else None,
            tags=tags if last else None,
            config=config,
        )

    def materialize_alias(self) -> None:
        """Materialize the alias alone, as from the UI."""
        job = build_definitions(self.settings).resolve_job_def("evaluation_job")
        job.execute_in_process(
            instance=self.instance, partition_key="2024-06-01", asset_selection=[dg.AssetKey("champion_alias")]
        )

    def failing_checks(self) -> set[str]:
        """Judge every check over the whole tables. Returns those that do not pass."""

        def last_load() -> Mapping[str, Any] | None:
            event = self.instance.get_latest_materialization_event(dg.AssetKey("source"))
            return event.asset_materialization.metadata if event and event.asset_materialization else None

        source = session_source(self.settings)
        context = CheckContext(self.platform, self.settings, source, last_load=last_load)
        checks = all_checks(self.settings, source)
        return {f"{check.asset}:{check.name}" for check in checks if not check.judge(context).passed}

    def failing_checks_in_dagster(self) -> set[str]:
        """The same, with every check run by itself, as the UI's "execute" does."""
        every_check = dg.define_asset_job("every_check", selection=dg.AssetSelection.all_asset_checks())
        definitions = dg.Definitions.merge(build_definitions(self.settings), dg.Definitions(jobs=[every_check]))
        result = definitions.resolve_job_def("every_check").execute_in_process(instance=self.instance)
        evaluations = result.get_asset_check_evaluations()
        assert len(evaluations) == len(definitions.resolve_asset_graph().asset_check_keys)
        return {f"{e.asset_key.to_user_string()}:{e.check_name}" for e in evaluations if not e.passed}

    def load(self) -> None:
        """Load all sessions and their features."""
        self.run("sessions_job", "2024-02-01", "2024-06-30")

    def crown(self) -> str:
        """Make the challenger of May the first champion. Returns its name."""
        self.run("training_job", "2024-05-01")
        self.run("evaluation_job", "2024-05-01")
        return self.champion

    @property
    def champion(self) -> str:
        """The name of the champion."""
        champion = self.platform.registry.champion()
        assert champion is not None
        return champion.name

    @property
    def other(self) -> str:
        """The name of a version that is not the champion."""
        return next(version.name for version in self.platform.registry.versions() if version.name != self.champion)

    def rows(self, table: str, columns: str = "*", window: Window | None = None) -> Rows:
        """The rows of a table, sorted."""
        window = window or Window(day_of("2000-01-01"), day_of("2100-01-01"))
        with self.platform.warehouse.connect() as connection:
            found = connection.fetch(
                f"SELECT {columns} FROM {table} WHERE SESSION_DATE >= :start AND SESSION_DATE < :end",
                **window.bounds,
            )
        return sorted(tuple(row.values()) for row in found.to_pylist())

    def loaded_rows(self) -> tuple[Rows, Rows]:
        """The rows of SOURCE, without the time of loading, and those of DATASET."""
        attributes = ", ".join(name for name in SOURCE.column_names if name != "LOADED_AT")
        return self.rows("SOURCE", attributes), self.rows("DATASET")

    def ledger(self) -> list[tuple[str | None, str, str]]:
        """From, to and cause of every move."""
        with self.platform.warehouse.connect() as connection:
            moves = connection.fetch("SELECT FROM_VERSION, TO_VERSION, CAUSE FROM CHAMPION_HISTORY ORDER BY MOVE")
        return [tuple(move.values()) for move in moves.to_pylist()]


@pytest.fixture(scope="session")
def made_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in UCI's format with the sessions of `MONTHS`."""
    return write_uci_csv(tmp_path_factory.mktemp("uci") / "sessions.csv", MONTHS)


def shop_settings(home: Path, made_csv: Path) -> Settings:
    """Settings of a shop whose sessions come from a file in UCI's format, quickly trained."""
    with clean_environment():
        return load_settings(
            home=home,
            first_day="2024-02-01",
            uci={"csv": made_csv, "session_dates": "spread"},
            training=QUICK,
            warehouse={"timeout_seconds": 10},
        )


@contextmanager
def open_shop(settings: Settings) -> Iterator[Shop]:
    """The shop of these settings, with an instance of its own that remembers runs while it is open."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(settings, platform_for(settings), instance)


@pytest.fixture(scope="session")
def crowned_home(made_once: Callable[..., Path], empty_registry, made_csv) -> Path:
    """A home with all sessions loaded and a champion: made once, copied to every test that begins there."""

    def crown(home: Path) -> None:
        empty_registry(home)
        with open_shop(shop_settings(home, made_csv)) as shop:
            shop.load()
            shop.crown()

    return made_once("crowned", crown)


@pytest.fixture
def empty_shop(tmp_path: Path, empty_registry, made_csv) -> Iterator[Shop]:
    """A shop before its first session."""
    home = tmp_path / "home"
    empty_registry(home)
    with open_shop(shop_settings(home, made_csv)) as shop:
        yield shop


OpenCrownedShop = Callable[[], AbstractContextManager[Shop]]


@pytest.fixture(scope="session")
def open_crowned_shop(tmp_path_factory, crowned_home: Path, made_csv: Path) -> OpenCrownedShop:
    """Open a copy of the crowned home, for fixtures that several tests share."""

    def opened() -> AbstractContextManager[Shop]:
        home = shutil.copytree(crowned_home, tmp_path_factory.mktemp("shop") / "home")
        return open_shop(shop_settings(home, made_csv))

    return opened


@pytest.fixture
def shop(open_crowned_shop: OpenCrownedShop) -> Iterator[Shop]:
    """A shop with sessions from February to June and a champion: the challenger of May."""
    with open_crowned_shop() as shop:
        yield shop
