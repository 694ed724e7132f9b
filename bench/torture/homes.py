"""The homes of a run: templates that the real commands fill once, and a copy for each trial.

The shop is small, and the clock is set. So every run begins with the same sessions and the same moves.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from filelock import FileLock

from bench.torture.processes import answer_of
from intent_platform.partitions import TIMEZONE, Window, clock_set_to
from intent_platform.settings import Settings, load_settings
from intent_platform.settings.types import ENVIRONMENT_PREFIX

#: The current time of all trials. The demo of the template ran a month earlier. The soak plays the year that follows,
#: which must be over: Dagster's partitions end with the real day.
NOW = datetime(2025, 4, 20, 12, tzinfo=TIMEZONE)
_TIME_OF_THE_DEMO = datetime(2025, 3, 20, 12, tzinfo=TIMEZONE)
#: The month whose challenger is the newest version.
MONTH = "2025-04-01"
_ROOM_BYTES = 2 * 10**9
_LOADED = Window(date(2025, 4, 1), date(2025, 4, 20))
_SMALL = {
    "DEPLOYMENT": "local",
    "FEED": "simulated",
    "FIRST_DAY": "2025-01-01",
    "SIMULATED_SESSIONS_PER_DAY": "40",
    "DEMO_MONTHS": "3",
    "TRAINING_MONTHS": "1",
    "TRAINING_MINIMUM_PURCHASES": "10",
    "TRAINING_TRIALS": "1",
    "TRAINING_ITERATIONS": "20",
    "TRAINING_FOLDS": "2",
    "TRAINING_THREADS": "1",
    "GATE_RESAMPLES": "200",
    # So the challenger of a later month replaces the champion.
    "GATE_FRESHER_MARGIN": "0.5",
    "GATE_GUARDRAIL_MARGINS": '{"roc_auc": null, "brier": null, "log_loss": null, "calibration_error": null}',
    "GATE_SLICE_MINIMUM_PURCHASES": "1000000",
}


def use(home: Path, **overrides: str) -> Settings:
    """Make this process a user with that home, and return the settings. `overrides` are variables without prefix."""
    for name in [*os.environ]:
        if name.startswith(ENVIRONMENT_PREFIX) or name == "DAGSTER_HOME":
            del os.environ[name]
    values: Mapping[str, str] = {**_SMALL, "HOME": str(home), **overrides}
    os.environ.update({f"{ENVIRONMENT_PREFIX}{name}": value for name, value in values.items()})
    return load_settings()


@dataclass(frozen=True)
class Room:
    """The folder of a run."""

    folder: Path

    def made(self, name: str, fill: Callable[[Path], Any]) -> Path:
        """The folder of that name. The first process that asks lets `fill` make it, and the others wait."""
        folder, draft = self.folder / name, self.folder / f"{name}.draft"
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                shutil.rmtree(draft, ignore_errors=True)  # of a process that failed
                fill(draft)
                draft.rename(folder)
        return folder

    @contextmanager
    def copy(self, template: Path | None) -> Iterator[Path]:
        """A folder of a trial, which is deleted at the end. Its `home` is a copy of the template."""
        folder = Path(mkdtemp(dir=self.folder, prefix="trial_"))
        try:
            if template is not None:
                shutil.copytree(template, folder / "home", symlinks=True)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def shop(self) -> Path:
        """A home with five versions; see `_open_shop`."""
        return self.made("shop", lambda home: answer_of(lambda: _open_shop(home), self.folder / "shop.log"))


def room_of(home: Path) -> Room:
    """The room of the trial that has this home."""
    return Room(home.parents[1])


@contextmanager
def new_room() -> Iterator[Path]:
    """A folder for a run, in memory where the system has room there. It is deleted at the end."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it
    fits = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES
    with TemporaryDirectory(prefix="torture_", dir=memory if fits else None, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _open_shop(home: Path) -> None:
    """Fill a home that has something to do for each operation.

    The oldest version is the champion, by a rollback from the second one, which is quarantined. The others are
    challengers of April. The promotion of the newest one is decided and not carried out.
    """
    from intent_platform.__main__ import main
    from intent_platform.automation.jobs import EVALUATION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
    from intent_platform.definitions import build_definitions
    from intent_platform.instance import open_instance, run_job

    settings = use(home)
    with clock_set_to(_TIME_OF_THE_DEMO):
        for command in (["demo"], ["rollback", "--version", "previous", "--reason", "torture"]):
            if main(command) != 0:
                sys.exit(f"the template could not be made: {command[0]} failed")
    with open_instance(settings) as instance:
        definitions = build_definitions(settings)
        run_job(definitions, instance, SESSIONS_JOB.name, window=_LOADED)
        run_job(definitions, instance, SCORES_JOB.name, window=_LOADED)
        for _ in range(3):
            run_job(definitions, instance, TRAINING_JOB.name, partition=MONTH)
        run_job(definitions, instance, EVALUATION_JOB.name, partition=MONTH, only="evaluation")
