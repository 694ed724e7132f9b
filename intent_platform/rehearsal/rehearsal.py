"""The platform played day by day: the real schedules and sensors tick on a clock that is set, and their runs are run.

What a daemon does with a day is done here in a moment. Who plays, and what happens meanwhile, is for the caller.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count

import dagster as dg

from intent_platform.automation.rollback import ROLLBACK_JOB, rollback_config
from intent_platform.automation.schedules import schedule_name
from intent_platform.clocks import clocks_of
from intent_platform.definitions import build_definitions
from intent_platform.errors import IntentPlatformError
from intent_platform.instance import run_job
from intent_platform.partitions import PARTITION, RANGE_END, RANGE_START, Window, clock_set_to
from intent_platform.platforms.ports import Platform
from intent_platform.settings import Settings

_BY_HAND = "by hand"
_AFTER_A_CLOCK = timedelta(minutes=70)  # when the sensors look again: they leave a schedule an hour


@dataclass(frozen=True)
class RehearsedRun:
    """A run as it ended: what asked for it, over which days, and its result, or why it failed."""

    moment: datetime
    by: str
    job: str
    partitions: str
    result: dg.ExecuteInProcessResult | None
    error: str | None = None

    def failed_checks(self) -> list[dg.AssetCheckEvaluation]:
        """The checks that did not pass, warnings included."""
        checks = self.result.get_asset_check_evaluations() if self.result else []
        return [check for check in checks if not check.passed]


@dataclass
class Rehearsal:
    """One platform under its real definitions, and the instance that remembers its runs."""

    settings: Settings
    platform: Platform
    instance: dg.DagsterInstance
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _seen: set[str | None] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._definitions = build_definitions(self.settings)
        sensors = self._definitions.get_repository_def().sensor_defs
        # Those that ask for runs. The others announce what a daemon has run, and here the caller is told.
        self._sensors = sorted(s.name for s in sensors if not isinstance(s, dg.RunStatusSensorDefinition))

    def run(
        self, moment: datetime, job: str, *, window: Window | None = None, partition: str | None = None
    ) -> RehearsedRun:
        """One run that somebody asks for by hand at that moment."""
        with clock_set_to(moment):
            result = run_job(self._definitions, self.instance, job, window=window, partition=partition)
        return RehearsedRun(moment, _BY_HAND, job, str(window or partition), result)

    def day(self, today: date) -> Iterator[RehearsedRun]:
        """All runs of a day: each clock that ticks on it, and what the sensors ask for an hour later."""
        ticking = [clock for clock in clocks_of(self.settings.schedules).values() if clock.ticks_on(today)]
        for moment, schedule in sorted((clock.moment_on(today), schedule_name(clock)) for clock in ticking):
            yield from self._asked_for(moment, schedule, self._ticked)
            for sensor in self._sensors:
                yield from self._asked_for(moment + _AFTER_A_CLOCK, sensor, self._sensed)

    def play_rollback(self, moment: datetime, version: str, reason: str) -> RehearsedRun:
        """What the person on call does; the scores are then asked for by the next tick of the sensor."""
        config = rollback_config(version, reason)
        with clock_set_to(moment):
            result = run_job(self._definitions, self.instance, ROLLBACK_JOB, config=config)
        return RehearsedRun(moment, _BY_HAND, ROLLBACK_JOB, version, result)

    def _asked_for(
        self, moment: datetime, name: str, ask: Callable[[datetime, str], list[dg.RunRequest]]
    ) -> Iterator[RehearsedRun]:
        """Run what is asked for, and ask again until nothing new is."""
        for attempt in count():
            with clock_set_to(moment + timedelta(minutes=attempt)):
                new = [request for request in ask(moment, name) if request.run_key not in self._seen]
                self._seen.update(request.run_key for request in new)
                played = [self._run(moment, name, request) for request in new]
            if not played:
                return
            yield from played

    def _run(self, moment: datetime, by: str, request: dg.RunRequest) -> RehearsedRun:
        job, key = str(request.job_name), request.partition_key or request.tags.get(PARTITION)
        days = request.tags.get(RANGE_START), request.tags.get(RANGE_END)
        about = key or " to ".join(sorted({day for day in days if day}))
        try:
            result = run_job(self._definitions, self.instance, job, partition=key, tags=request.tags)
        except IntentPlatformError as error:
            return RehearsedRun(moment, by, job, about, None, str(error))
        return RehearsedRun(moment, by, job, about, result)

    def _ticked(self, moment: datetime, name: str) -> list[dg.RunRequest]:
        schedule = self._definitions.resolve_schedule_def(name)
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            repository_def=self._definitions.get_repository_def(),
        )
        asked = schedule.evaluate_tick(context).run_requests or []
        return [request._replace(run_key=f"{name} {moment}", job_name=schedule.job_name) for request in asked]

    def _sensed(self, moment: datetime, name: str) -> list[dg.RunRequest]:  # noqa: ARG002  the clock is set to it
        sensor = self._definitions.resolve_sensor_def(name)
        context = dg.build_sensor_context(self.instance, self._cursors.get(name), resources={"platform": self.platform})
        told = sensor.evaluate_tick(context)
        self._cursors[name] = told.cursor
        return list(told.run_requests or [])
