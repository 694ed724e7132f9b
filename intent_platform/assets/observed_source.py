"""`source` when somebody else fills the table: an external asset, its checks, and the events that say what it holds.

`automation.observation` looks at it; `dataset` says what it read.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg

from intent_platform.assets.checks import Findings, table_checks, verdict
from intent_platform.assets.data_versions import DATA_VERSION, data_versions
from intent_platform.assets.presentation import table_metadata
from intent_platform.partitions import Window, daily_partitions, now
from intent_platform.pipeline.observation import FEED, DayState, ObservedTable, ensure_readable
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection, Warehouse
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, SOURCE, SOURCE_REJECTED

_SOURCE = dg.AssetKey("source")


def observed_source(settings: Settings, observed: ObservedTable) -> Sequence[dg.AssetSpec | dg.AssetChecksDefinition]:
    """The asset and its checks. What they find is a warning: `dataset` does not take such rows."""
    spec = dg.AssetSpec(
        _SOURCE,
        description=(
            f"{SOURCE.meaning}. Feed: {settings.feed}, {observed.title}, which somebody else fills. "
            f"What breaks the contract is not taken into {DATASET.name}, and is in {SOURCE_REJECTED.name}."
        ),
        group_name="data",
        kinds={"table"},
        owners=[settings.owner],
        tags={"domain": "sessions", "feed": settings.feed},
        partitions_def=daily_partitions(settings.first_day),
        metadata=table_metadata(observed.table),
    )

    @dg.asset_check(
        asset=_SOURCE,
        name="no_row_is_left_out",
        description="Every row has a day, neither before the first partition nor in the future.",
    )
    def no_row_is_left_out(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with warehouse.connect() as connection:
            ensure_readable(connection, observed)
            beyond = connection.fetch(
                "SELECT COUNT_IF(SESSION_DATE IS NULL) AS UNDATED, COUNT_IF(SESSION_DATE < :first_day) AS EARLIER, "  # noqa: S608
                f"COUNT_IF(SESSION_DATE > :today) AS LATER FROM {observed.table.name}",
                first_day=settings.first_day,
                today=now().date(),
            ).to_pylist()[0]
        findings = [
            (f"without a day, rejected with {settings.first_day}", int(beyond["UNDATED"] or 0)),
            (f"before first_day {settings.first_day}", int(beyond["EARLIER"] or 0)),
            ("in the future", int(beyond["LATER"] or 0)),
        ]
        return verdict(findings, dg.AssetCheckSeverity.WARN)

    checks = table_checks(
        "source", observed.table, dg.AssetCheckSeverity.WARN, lambda connection: ensure_readable(connection, observed)
    )
    return [spec, *checks, no_row_is_left_out]


def observations(
    instance: dg.DagsterInstance, held: Mapping[date, DayState], window: Window
) -> list[dg.AssetObservation]:
    """An event for each day of `window` whose state is another one than was last said; `held` has the days with rows.

    A day that was said to have rows and has none now is one, too.
    """
    said = data_versions(instance, "source", dg.DagsterEventType.ASSET_OBSERVATION)
    states = {day: held.get(day, DayState(0)) for day in sorted({*held, *said}) if day in window}
    return [
        _observation(day, state)
        for day, state in states.items()
        if said.get(day) != state.version and (state.rows or day in said)
    ]


def _observation(day: date, state: DayState) -> dg.AssetObservation:
    return dg.AssetObservation(
        _SOURCE,
        partition=day.isoformat(),
        tags={DATA_VERSION: state.version},
        metadata={
            "dagster/partition_row_count": state.rows,
            "newest_loaded_at": str(state.newest) if state.newest else "–",
        },
    )


def unaccounted_rows(connection: Connection, observed: ObservedTable, window: Window) -> Findings:
    """How many rows of `window` are neither in DATASET nor rejected, and how many are and left the table.

    Rows that came or went since the day was built count too: `dataset` is asked for again on their account.
    """
    ensure_readable(connection, observed)
    days = {"start": window.start, "end": window.end}
    lacking = connection.fetch(
        f"SELECT (SELECT COUNT(*) FROM {observed.table.name} WHERE {observed.in_days(window)}) "  # noqa: S608
        f"- (SELECT COUNT(*) FROM DATASET WHERE {in_window(DATASET)}) "
        f"- (SELECT COUNT(*) FROM SOURCE_REJECTED WHERE {in_window(SOURCE_REJECTED)} AND FEED = :feed) AS LACKING",
        feed=FEED,
        **days,
    )["LACKING"][0].as_py()
    gone = connection.fetch(
        f"SELECT COUNT(*) AS COUNTED FROM (SELECT UID, SESSION_DATE FROM DATASET WHERE {in_window(DATASET)} EXCEPT "  # noqa: S608
        f"SELECT LOWER(CAST(UID AS VARCHAR)), SESSION_DATE FROM {observed.table.name} "
        f"WHERE {in_window(observed.table)}) LONELY",
        **days,
    )["COUNTED"][0].as_py()
    return [
        (f"neither in {DATASET.name} nor rejected", max(0, lacking)),
        (f"no longer in {observed.title}", max(gone, -lacking)),
    ]
