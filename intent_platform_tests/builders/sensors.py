"""Ticking sensors as the daemon does, and the shop that they look at."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pyarrow.csv

from intent_platform.definitions import build_definitions
from intent_platform.partitions import Window, now, wall_clock
from intent_platform.platforms import platform_for
from intent_platform_tests.builders.sessions import landing_rows

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
YESTERDAY = now().date() - timedelta(days=1)


def evaluate(settings, name, instance, cursor=None, platform=None) -> Any:
    """What the sensor answers when the daemon evaluates it."""
    sensor = build_definitions(settings).resolve_sensor_def(name)
    resources = {"platform": platform or platform_for(settings)}
    return sensor.evaluate_tick(dg.build_sensor_context(instance, cursor, resources=resources))


def tick(settings, name, instance, cursor=None) -> Any:
    """The sensor's answer to one tick: its requests and cursor, or why it asks for nothing."""
    result = evaluate(settings, name, instance, cursor)
    if result.run_requests or result.cursor:
        return result
    return dg.SkipReason(result.skip_message)


def drop(settings, day: date, rows: int = 20, name: str = "", seed: int = 0) -> None:
    """Put a file with `rows` sessions of `day` into the landing folder."""
    path = settings.landing_folder / (name or f"{day}.csv")
    pyarrow.csv.write_csv(landing_rows(day, rows, seed), path)


def carry_out(settings, instance, request, **options) -> dg.ExecuteInProcessResult:
    """Run the job that a sensor asked for."""
    job = build_definitions(settings).resolve_job_def(request.job_name)
    return job.execute_in_process(
        instance=instance, tags=dict(request.tags), asset_selection=request.asset_selection, **options
    )


def days_of(request) -> Window:
    """The days of a request for a range run."""
    start, end = (date.fromisoformat(request.tags[tag]) for tag in RANGE)
    return Window(start, end + timedelta(days=1))


def count(settings, table) -> Any:
    """The number of rows of a table."""
    with platform_for(settings).warehouse.connect() as connection:
        return connection.fetch(f"SELECT COUNT(*) AS COUNTED FROM {table}")["COUNTED"][0].as_py()


def move(settings, number, to, day=date(2024, 1, 1)) -> None:
    """Write a champion's move into the ledger, effective on `day`."""
    with platform_for(settings).warehouse.connect(writing=True) as connection:
        connection.execute(
            "INSERT INTO CHAMPION_HISTORY SELECT :number, :at, :day, NULL, :to, 'first', 'made', '{}', 'r'",
            number=number,
            to=to,
            at=wall_clock(now()),
            day=day,
        )


def score(settings, day, by, chosen_as="champion", move=1) -> None:
    """Write one score of `day` by the version `by`, given after the champion's move of that number."""
    with platform_for(settings).warehouse.connect(writing=True) as connection:
        connection.execute(
            "INSERT INTO SCORES SELECT 'u', :day, 'PURCHASE_INTENT', :by, 0.5, :at, :chosen_as, :move",
            day=day,
            by=by,
            at=wall_clock(now()),
            chosen_as=chosen_as,
            move=move,
        )


def jobs_asked_for(settings, instance) -> list[tuple[str, ...]]:
    """Carry out all that the sensor asks for, tick by tick, until it asks no more."""
    asked: list[tuple[str, ...]] = []
    while requests := tick(settings, "catch_up_sensor", instance).run_requests:
        assert len(asked) < 20, "it never stops asking"
        for request in requests:
            keys = [request.tags.get(tag) or request.tags["dagster/partition"] for tag in RANGE]
            asked.append((request.job_name, *keys))
            assert carry_out(settings, instance, request).success
    return asked
