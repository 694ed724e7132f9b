"""`source` when somebody else fills the table: an external asset, and the events that record what its days hold.

`automation.observation` looks at the table regularly. `dataset` records the state that it read.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from intent_platform.assets.data_versions import DATA_VERSION, data_versions
from intent_platform.assets.presentation import table_metadata
from intent_platform.partitions import Window, daily_partitions
from intent_platform.pipeline.observation import DayState
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings
from intent_platform.tables import DATASET, SOURCE, SOURCE_REJECTED

_SOURCE = dg.AssetKey("source")


def observed_source(settings: Settings, observed: ObservedTable) -> dg.AssetSpec:
    """The external asset."""
    return dg.AssetSpec(
        _SOURCE,
        description=(
            f"{SOURCE.meaning}. Feed: {observed.name}, {observed.title}, which somebody else fills. "
            f"Rows that break the contract are not in {DATASET.name} but in {SOURCE_REJECTED.name}."
        ),
        group_name="data",
        kinds={"table"},
        tags={"domain": "sessions", "feed": observed.name},
        partitions_def=daily_partitions(settings.first_day),
        metadata=table_metadata(observed.table),
    )


def observations(
    instance: dg.DagsterInstance, held: Mapping[date, DayState], window: Window
) -> list[dg.AssetObservation]:
    """An event for each day of `window` whose state differs from the last recorded one.

    `held` has the days with rows. A day that lost all its rows gets an event, too.
    """
    recorded = data_versions(instance, "source", dg.DagsterEventType.ASSET_OBSERVATION)
    states = {day: held.get(day, DayState(0)) for day in sorted({*held, *recorded}) if day in window}
    return [
        _observation(day, state)
        for day, state in states.items()
        if recorded.get(day) != state.version and (state.rows or day in recorded)
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
