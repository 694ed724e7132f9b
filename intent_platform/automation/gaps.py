"""What is missing or out of date: days and months that a job has to make. `catch_up` asks for them.

Everything here is a level, not an edge. A gap stands as long as its cause does, whoever looks and however often.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import dagster as dg

from intent_platform.assets.data_versions import outdated_days
from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.clocks import Clock, clocks_of
from intent_platform.partitions import (
    PARTITION,
    Window,
    add_months,
    day_of,
    merged,
    month_window,
    now,
    range_tags,
    trailing_window,
    training_window,
)
from intent_platform.pipeline.dataset import CODE_VERSION
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.settings import Settings

#: The tag that a gap's runs carry, with the gap's identity.
GAP_TAG = "intent_platform/catch_up"
#: A schedule gets this long to start its own run. Without it, catch-up and schedule would both start one.
_GRACE = timedelta(hours=1)
_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
_OBSERVED = dg.DagsterEventType.ASSET_OBSERVATION

#: For each day the number of its last event. Later events have higher numbers, so numbers compare assets in time.
_LastEvents = Mapping[date, int]


def range_request(
    job: str, window: Window, run_key: str, tags: Mapping[str, str] | None = None, only: Sequence[str] = ()
) -> dg.RunRequest:
    """One run of a daily job over all days of `window`: of all its assets, or `only` of some."""
    return dg.RunRequest(
        run_key=run_key,
        job_name=job,
        tags={**range_tags(window), **(tags or {})},
        asset_selection=[dg.AssetKey(asset) for asset in only] or None,
    )


@dataclass(frozen=True)
class Gap:
    """Consecutive days, or a month, that a job has to make. `only` names its assets if not all are needed.

    `cause` distinguishes a gap from an earlier one over the same days: the newest upstream event, or the code version.
    Without it, days that were given up once would never be asked for again, even after new sessions arrived.
    """

    job: str
    window: Window
    cause: int | str
    month: str | None = None
    only: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """The value of its runs' tag, by which failed attempts are counted."""
        return f"{self.job} {self.window} {self.cause}"

    def request(self, attempt: int) -> dg.RunRequest:
        """One run over all its days. Dagster ignores a run key it has seen, so the attempt is part of it."""
        key, tags = f"{self.identity} attempt {attempt}", {GAP_TAG: self.identity}
        if self.month is None:
            return range_request(self.job, self.window, key, tags, self.only)
        return dg.RunRequest(run_key=key, job_name=self.job, tags={PARTITION: self.month, **tags})


@dataclass(frozen=True)
class GapFinder:
    """Finds the gaps of a deployment in the events that its instance has recorded, as of the first look.

    Nobody can load or rebuild a day before `kept_from`, because its raw sessions are deleted.
    """

    settings: Settings
    source: Feed | ObservedTable
    instance: dg.DagsterInstance
    kept_from: date

    def sessions(self) -> list[Gap]:
        """The days whose sessions or features are missing or out of date.

        Days that another SELECT made need `dataset` alone, because their sessions are loaded. A rebuilt table is empty,
        so every such day counts, however old, if its raw sessions are kept.
        """
        loaded, dataset = self._source_events, self._dataset_events
        due = self._due("sessions")
        missing = {day for day in due if day not in dataset}
        # The source may complete a day after its load: the day is loaded again once its late rows have arrived.
        late = {day for day, since in self.source.completion_days(due).items() if self._loaded_before(day, since)}
        behind = missing | late | _older(dataset, loaded)
        behind = {day for day in behind if day >= self.kept_from}
        outdated = {day for day in self._outdated - behind if day >= max(self.settings.first_day, self.kept_from)}
        rebuilds = [Gap(SESSIONS_JOB.name, days, CODE_VERSION, only=("dataset",)) for days in _ranges(outdated)]
        return _gaps(SESSIONS_JOB.name, behind, loaded) + rebuilds

    def months(self) -> list[Gap]:
        """The months whose challenger or evaluation missed its clock within the look-back days.

        Only this month and the last one can have such a clock. A month without sessions to train on is not a gap:
        asking for it would fail three times and alert somebody for nothing.
        """
        clocks, today = clocks_of(self.settings), now().date()
        extent = self.source.extent()
        trained = self.instance.get_materialized_partitions(dg.AssetKey("challenger_model"))
        evaluated = self.instance.get_materialized_partitions(dg.AssetKey("evaluation"))
        gaps = []
        for month in (add_months(today, -1).isoformat(), add_months(today, 0).isoformat()):
            days = training_window(month, self.settings.training.months)
            has_days = days.end > self.settings.first_day and (extent is None or days.overlaps(extent))
            if has_days and month not in trained and self._has_ticked(month, clocks["training"]):
                gaps.append(Gap(TRAINING_JOB.name, month_window(month), 0, month))
            if month in trained and month not in evaluated and self._has_ticked(month, clocks["evaluation"]):
                gaps.append(Gap(EVALUATION_JOB.name, month_window(month), 0, month))
        return gaps

    def scores(self) -> list[Gap]:
        """The days that have features and lack scores, or whose scores are older than their features.

        If the sessions of a day changed, its scores are wrong: the day is scored again, however old it is. If only its
        features were rebuilt, the scores are what marketing read at the time: only due days are scored again. A day
        whose features wait for a rebuild is left out, because DATASET may hold no row of it.
        """
        dataset, scores = self._dataset_events, self._last_events("scores")
        loaded, due = self._source_events, self._due("scores")
        missing = {day for day in due if day in dataset and day not in scores}
        older = {day for day in _older(scores, dataset) if day in scores}
        stale = {day for day in older if day in due or loaded.get(day, 0) > scores[day]}
        return _gaps(SCORES_JOB.name, (missing | stale) - self._outdated, dataset)

    def _due(self, clock: str) -> Window:
        """The look-back days that the source has and whose daily clock ticked, on the day after, an hour ago."""
        hour = clocks_of(self.settings)[clock].hour
        last_due = (now() - timedelta(hours=hour) - _GRACE).date() - timedelta(days=1)
        window = trailing_window(last_due, self.settings.scoring.catch_up_days)
        window = window.intersection(Window(self.settings.first_day, max(self.settings.first_day, window.end)))
        extent = self.source.extent()
        return window if extent is None else window.intersection(extent)

    def _has_ticked(self, month: str, clock: Clock) -> bool:
        """Whether the clock ticked in the month, at least an hour ago and within the look-back days.

        Older months are left alone: a new deployment would otherwise train every month of its past.
        """
        look_back = timedelta(days=self.settings.scoring.catch_up_days)
        return any(tick + _GRACE <= now() < tick + look_back for tick in clock.ticks_in(month_window(month)))

    def _loaded_before(self, day: date, since: date) -> bool:
        """Whether the last load of `day` happened before `since` began."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("source"), asset_partitions=[day.isoformat()]), limit=1
        ).records
        loads = [record.asset_materialization for record in records if record.asset_materialization]
        return any(datetime.fromisoformat(str(load.metadata["loaded_at"].value)).date() < since for load in loads)

    @cached_property
    def _outdated(self) -> set[date]:
        return outdated_days(self.instance)

    @cached_property
    def _dataset_events(self) -> _LastEvents:
        return self._last_events("dataset")

    @cached_property
    def _source_events(self) -> _LastEvents:
        """When each day of `source` changed last. An observed table is never materialized, only observed."""
        return self._last_events("source", _OBSERVED if isinstance(self.source, ObservedTable) else _MATERIALIZED)

    def _last_events(self, asset: str, event: dg.DagsterEventType = _MATERIALIZED) -> _LastEvents:
        numbers = self.instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), event)
        return {day_of(key): number for key, number in numbers.items()}


def _older(asset: _LastEvents, upstream: _LastEvents) -> set[date]:
    """The days whose last event is older than the upstream's, or that have none."""
    return {day for day, number in upstream.items() if asset.get(day, 0) < number}


def _gaps(job: str, days: Iterable[date], upstream: _LastEvents) -> list[Gap]:
    return [Gap(job, window, max(upstream.get(day, 0) for day in window)) for window in _ranges(days)]


def _ranges(days: Iterable[date]) -> list[Window]:
    return merged(Window(day, day + timedelta(days=1)) for day in days)
