"""The platform on a simulated clock: day by day, the real schedules and sensors tick and their runs are executed.

A rehearsal does the work of Dagster's daemon, without waiting. The caller supplies the platform and the incident.
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
_AFTER_A_CLOCK = timedelta(minutes=70)  # until the sensors tick: catch-up leaves each schedule an hour


@dataclass(frozen=True)
class RehearsedRun:
    """A finished run.

    Attributes:
        moment: the simulated time of the request, Asia/Tokyo.
        by: the schedule or sensor that requested the run, or `by hand`.
        job: the name of the job.
        partitions: the days or the month of the run; the version of a rollback.
        result: None if the run failed.
        error: the message of a failed run.
    """

    moment: datetime
    by: str
    job: str
    partitions: str
    result: dg.ExecuteInProcessResult | None
    error: str | None = None

    def failed_checks(self) -> list[dg.AssetCheckEvaluation]:
        """Return the failed checks of the run, warnings included."""
        checks = self.result.get_asset_check_evaluations() if self.result else []
        return [check for check in checks if not check.passed]


@dataclass
class Memory:
    """What Dagster remembers of earlier ticks: the cursor of each sensor, and the run keys of all requests."""

    cursors: dict[str, str | None] = field(default_factory=dict)
    run_keys: set[str | None] = field(default_factory=set)


@dataclass
class Rehearsal:
    """A platform with its real definitions, and the Dagster instance that records its runs.

    A later rehearsal with the same memory and home continues where an earlier one ended.
    """

    settings: Settings
    platform: Platform
    instance: dg.DagsterInstance
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self._definitions = build_definitions(self.settings)
        sensors = self._definitions.get_repository_def().sensor_defs
        # Only sensors that request runs. The others send alerts about runs, whose results the caller gets.
        self._sensors = sorted(s.name for s in sensors if not isinstance(s, dg.RunStatusSensorDefinition))

    def run(
        self, moment: datetime, job: str, *, window: Window | None = None, partition: str | None = None
    ) -> RehearsedRun:
        """Execute a run that somebody requests by hand at `moment`."""
        with clock_set_to(moment):
            result = run_job(self._definitions, self.instance, job, window=window, partition=partition)
        return RehearsedRun(moment, _BY_HAND, job, str(window or partition), result)

    def day(self, today: date) -> Iterator[RehearsedRun]:
        """Execute and yield all runs of a day: those of each clock, and those that the sensors request afterwards."""
        ticking = [clock for clock in clocks_of(self.settings).values() if clock.ticks_on(today)]
        for moment, schedule in sorted((clock.moment_on(today), schedule_name(clock)) for clock in ticking):
            yield from self._requested(moment, schedule, self._schedule_requests)
            for sensor in self._sensors:
                yield from self._requested(moment + _AFTER_A_CLOCK, sensor, self._sensor_requests)

    def tick(self, moment: datetime) -> list[dg.RunRequest]:
        """Let all sensors tick once at `moment`, and return their new requests without executing them."""
        with clock_set_to(moment):
            requests = [request for name in self._sensors for request in self._sensor_requests(moment, name)]
        return [request for request in requests if request.run_key not in self.memory.run_keys]

    def play_rollback(self, moment: datetime, version: str, reason: str) -> RehearsedRun:
        """Execute the rollback of the on-call engineer. The next tick of the champion sensor requests new scores."""
        config = rollback_config(version, reason)
        with clock_set_to(moment):
            result = run_job(self._definitions, self.instance, ROLLBACK_JOB, config=config)
        return RehearsedRun(moment, _BY_HAND, ROLLBACK_JOB, version, result)

    def _requested(
        self, moment: datetime, name: str, ask: Callable[[datetime, str], list[dg.RunRequest]]
    ) -> Iterator[RehearsedRun]:
        """Execute the requested runs, and ask again until there is no new request.

        A run key counts once, as for Dagster's daemon.
        """
        for attempt in count():
            with clock_set_to(moment + timedelta(minutes=attempt)):
                new = [request for request in ask(moment, name) if request.run_key not in self.memory.run_keys]
                self.memory.run_keys.update(request.run_key for request in new)
                runs = [self._run(moment, name, request) for request in new]
            if not runs:
                return
            yield from runs

    def _run(self, moment: datetime, by: str, request: dg.RunRequest) -> RehearsedRun:
        job, key = str(request.job_name), request.partition_key or request.tags.get(PARTITION)
        days = request.tags.get(RANGE_START), request.tags.get(RANGE_END)
        partitions = key or " to ".join(sorted({day for day in days if day}))
        try:
            result = run_job(self._definitions, self.instance, job, partition=key, tags=request.tags)
        except IntentPlatformError as error:
            return RehearsedRun(moment, by, job, partitions, None, str(error))
        return RehearsedRun(moment, by, job, partitions, result)

    def _schedule_requests(self, moment: datetime, name: str) -> list[dg.RunRequest]:
        schedule = self._definitions.resolve_schedule_def(name)
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            repository_def=self._definitions.get_repository_def(),
        )
        requests = schedule.evaluate_tick(context).run_requests or []
        return [request._replace(run_key=f"{name} {moment}", job_name=schedule.job_name) for request in requests]

    def _sensor_requests(self, moment: datetime, name: str) -> list[dg.RunRequest]:  # noqa: ARG002  the clock has it
        sensor = self._definitions.resolve_sensor_def(name)
        context = dg.build_sensor_context(
            self.instance, self.memory.cursors.get(name), resources={"platform": self.platform}
        )
        tick = sensor.evaluate_tick(context)
        self.memory.cursors[name] = tick.cursor
        return list(tick.run_requests or [])
