"""A shop inside Snowflake: its procedures deployed, and a month that its tasks play."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from intent_platform.partitions import TIMEZONE, Window, day_of
from intent_platform.platforms import platform_for
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.platforms.snowflake.deployment import deploy_procedures
from intent_platform.platforms.snowflake.preparation import prepare
from intent_platform.platforms.versions import ModelVersion
from intent_platform.settings import load_settings
from intent_platform.tables import MONITORING
from intent_platform_tests.assets.conftest import Shop, shop_settings
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.conftest import created_schema, new_schema_name

COMMIT = "c0ffee" * 6 + "c0ff"
LAST_OF_MAY, JUNE = "2024-05-31", Window(day_of("2024-06-01"), day_of("2024-06-03"))
SCORE = "UID, SESSION_DATE, MODEL_VERSION, SCORE"
MEASURES = ", ".join(name for name in MONITORING.column_names if name != "MEASURED_AT")

Deploy = Callable[[], AbstractContextManager[Shop]]


def at(text: str) -> datetime:
    """A moment in Tokyo."""
    return datetime.fromisoformat(text).replace(tzinfo=TIMEZONE)


def deploy(connector: SnowflakeConnector) -> None:
    prepare(connector, None, lambda _: None, dry=False)
    deploy_procedures(connector, lambda _: None, commit=COMMIT, dry=False)


@pytest.fixture(scope="session")
def deployed(emulator, made_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Open a shop in a schema of its own, with its procedures deployed."""

    @contextmanager
    def opened() -> Iterator[Shop]:
        with clean_environment():
            template = shop_settings(tmp_path_factory.mktemp("procedures") / "home", made_csv)
            settings = load_settings(
                home=template.home,
                deployment="dev",
                first_day=template.first_day,
                uci=template.uci,
                training=template.training,
                snowflake={**emulator.connection_parameters, "schema": new_schema_name()},
            )
        with created_schema(settings), dg.DagsterInstance.ephemeral() as instance:
            deploy(SnowflakeConnector(settings))
            yield Shop(settings, platform_for(settings), instance)

    return opened


def answer(rows: list[Any]) -> dict[str, object]:
    """The answer of a procedure, from the rows of its CALL."""
    found: dict[str, object] = json.loads(rows[0][0])
    return found


def call(shop: Shop, sql: str) -> dict[str, object]:
    with shop.platform.warehouse.connect() as connection:
        return answer([[connection.fetch(sql).column(0)[0].as_py()]])


@dataclass
class PlayedMonth:
    """What the tasks answered in June, and the rows that they and the assets wrote."""

    shop: Shop
    built: dict[str, object]
    dataset_by_asset: list[tuple[Any, ...]]
    dataset_by_task: list[tuple[Any, ...]]
    trained: dict[str, object]
    versions: list[ModelVersion]
    decided: dict[str, object]
    champion: str
    scored: list[dict[str, object]]
    scores_by_task: list[tuple[Any, ...]]
    scores_by_asset: list[tuple[Any, ...]]
    measures_by_task: list[tuple[Any, ...]]
    measures_by_asset: list[tuple[Any, ...]]


def play_month(shop: Shop, emulator) -> PlayedMonth:
    """All sessions are loaded but the last day of May. From then on tasks do everything; then assets score again."""
    shop.load()
    dataset_by_asset = shop.rows("DATASET")
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute("DELETE FROM DATASET WHERE SESSION_DATE = :day", day=day_of(LAST_OF_MAY))
    built = answer(emulator.tick(at("2024-06-01T05:00"))["DATASET_DAILY"])
    dataset_by_task = shop.rows("DATASET")
    trained = answer(emulator.tick(at("2024-06-01T10:00"))["TRAINING_MONTHLY"])
    versions = shop.platform.registry.versions()
    decided = answer(emulator.tick(at("2024-06-15T10:00"))["MODEL_EVALUATION_MONTHLY"])
    mornings = [emulator.tick(at(f"{day + timedelta(days=1)}T05:00")) for day in JUNE]
    scores_by_task, measures_by_task = shop.rows("SCORES", SCORE, JUNE), shop.rows("MONITORING", MEASURES, JUNE)
    shop.run("scores_job", JUNE.keys[0], JUNE.keys[-1])
    return PlayedMonth(
        shop=shop,
        built=built,
        dataset_by_asset=dataset_by_asset,
        dataset_by_task=dataset_by_task,
        trained=trained,
        versions=versions,
        decided=decided,
        champion=shop.champion,
        scored=[answer(morning["PREDICTION_DAILY"]) for morning in mornings],
        scores_by_task=scores_by_task,
        scores_by_asset=shop.rows("SCORES", SCORE, JUNE),
        measures_by_task=measures_by_task,
        measures_by_asset=shop.rows("MONITORING", MEASURES, JUNE),
    )
