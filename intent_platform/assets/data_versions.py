"""Data versions: the one tag of an event that Dagster finds for all partitions of an asset in one query.

A data version of `dataset` begins with the code version that made it.
"""

from datetime import date

import dagster as dg

from intent_platform.partitions import day_of
from intent_platform.pipeline.dataset import CODE_VERSION

DATA_VERSION = "dagster/data_version"


def data_versions(instance: dg.DagsterInstance, asset: str, event: dg.DagsterEventType) -> dict[date, str]:
    """The data version of each day, by its last event of that type. Days whose event has none are left out."""
    found = instance.event_log_storage.get_latest_tags_by_partition(dg.AssetKey(asset), event, [DATA_VERSION])
    return {day_of(key): tags[DATA_VERSION] for key, tags in found.items()}


def dataset_version(run_id: str) -> dg.DataVersion:
    """The data version of the days that this run of `dataset` makes."""
    return dg.DataVersion(f"{CODE_VERSION}-{run_id}")


def outdated_days(instance: dg.DagsterInstance) -> set[date]:
    """The days of `dataset` that another SELECT made, however old: their columns or features differ from today's.

    A day that somebody reported as materialized has no version, and counts as current.
    """
    versions = data_versions(instance, "dataset", dg.DagsterEventType.ASSET_MATERIALIZATION)
    return {day for day, version in versions.items() if not version.startswith(f"{CODE_VERSION}-")}
