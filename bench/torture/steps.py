"""Named steps of the package's operations, and how a process ends right before or after one.

Random kills seldom hit the short time between two steps, and these are the ones that need a repair.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any, Literal

_REGISTRY = "intent_platform.platforms.local.registry:MlflowRegistry"
_STORE = "intent_platform.platforms.local.store"
_CHAMPION = "intent_platform.platforms.champion"
_ACCEPTED = "intent_platform.sessions.accepted:AcceptedFolder"
_LANDING = "intent_platform.sessions.landing"
_BACKUP = "intent_platform.upkeep.backup"
_CLIENT = "mlflow:MlflowClient"
_TRANSACTION = "intent_platform.platforms.local.warehouse:DuckDBConnection.transaction"


@dataclass(frozen=True)
class Step:
    """A call of a function of the package at which the process ends.

    Attributes:
        name: what has happened by then.
        place: the function, as `module:name` or `module:class.name`. It is replaced where its caller looks it up.
        moment: `before` the call, `after` it, or at the `exit` of the context that it returns.
        call: which call of the process, from 1.
    """

    name: str
    place: str
    moment: Literal["before", "after", "exit"] = "after"
    call: int = 1

    @property
    def target(self) -> tuple[Any, str]:
        """The module or class that has the function, and the function's name in it."""
        module, _, path = self.place.partition(":")
        *classes, name = path.split(".")
        owner: Any = import_module(module)
        for part in classes:
            owner = getattr(owner, part)
        return owner, name

    def arm(self) -> None:
        """End this process at the step."""
        owner, name = self.target
        setattr(owner, name, self._deadly(getattr(owner, name)))

    def _deadly(self, function: Callable[..., Any]) -> Callable[..., Any]:
        calls = 0

        def die_at(moment: str) -> None:
            if moment == self.moment and calls == self.call:
                os.kill(os.getpid(), signal.SIGKILL)

        @wraps(function)
        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            die_at("before")
            result = function(*arguments, **named)
            die_at("after")
            return left(result) if self.moment == "exit" else result

        @contextmanager
        def left(context: AbstractContextManager[Any]) -> Iterator[Any]:
            with context as value:
                yield value
            die_at("exit")

        return counted


def _move(*further: Step, marks: bool = False) -> tuple[Step, ...]:
    """The steps of a move of the champion; `marks` if it quarantines the version that it replaces."""
    return (
        Step("version proved", f"{_CHAMPION}:prove_fit"),
        Step("intent written", f"{_CHAMPION}:write_move"),
        Step("ledger locked", f"{_CHAMPION}:_lock"),
        *([Step("champion marked", f"{_REGISTRY}.set_quarantine")] if marks else []),
        Step("ledger row written", f"{_CHAMPION}:write_move", call=2),
        Step("pointer moved", f"{_REGISTRY}.move_champion"),
        Step("committed", _TRANSACTION, "exit"),
        *further,
    )


ROLLBACK = _move(marks=True)
#: The target of this rollback is quarantined, and the move lifts its mark last.
ROLLBACK_TO_MARKED = _move(Step("mark lifted", f"{_REGISTRY}.set_quarantine", call=2), marks=True)
FORCE_OF_MARKED = _move(Step("mark lifted", f"{_REGISTRY}.set_quarantine"))
PROMOTION = _move()
ROLLBACK_COMMAND = (
    Step("run begun", "intent_platform.automation.rollback:roll_back_to", "before"),
    Step("champion moved", "intent_platform.automation.rollback:roll_back_to"),
)
DEMO = (
    Step("sessions loaded", "intent_platform.assets.source:load_window"),
    Step("dataset built", "intent_platform.assets.dataset:build_dataset"),
    Step("promotion begun", "intent_platform.assets.champion_alias:carry_out", "before"),
    Step("champion moved", "intent_platform.assets.champion_alias:carry_out"),
    Step("days scored", "intent_platform.assets.scores:score"),
)
LANDING_LOAD = (
    Step("batches staged", "intent_platform.platforms.local.staging:Staging.append", call=3),
    Step("sessions committed", _TRANSACTION, "exit"),
    Step("room made", f"{_ACCEPTED}.make_room"),
    Step("file moved", f"{_ACCEPTED}.take"),
    Step("second file moved", f"{_ACCEPTED}.take", call=2),
    Step("scans forgotten", f"{_LANDING}:forget_absent"),
)
_WINDOW_DELETED = Step("window deleted", "intent_platform.platforms.loading:delete_window")
LOAD = (
    _WINDOW_DELETED,
    Step("sessions committed", _TRANSACTION, "exit"),
)
DATASET = (
    _WINDOW_DELETED,
    Step("rows written", "intent_platform.pipeline.dataset:refill_window"),
    Step("rows committed", _TRANSACTION, "exit"),
)
SCORES = (
    Step("model bound", "intent_platform.platforms.local.warehouse:DuckDBConnection.use_model"),
    _WINDOW_DELETED,
    Step("scores written", "intent_platform.pipeline.scoring:refill_window"),
    Step("scores committed", _TRANSACTION, "exit"),
)
RETENTION = (
    Step("first day found", "intent_platform.pipeline.expiry:first_kept_day"),
    Step("rows deleted", "intent_platform.pipeline.expiry:_delete_rows"),
    Step("deletion committed", _TRANSACTION, "exit"),
    Step("first file read", "intent_platform.sessions.expired_files:_newest_day"),
    Step("first file deleted", "intent_platform.sessions.expired_files:printable"),
    Step("files deleted", "intent_platform.pipeline.expiry:delete_expired_files"),
    Step("copies deleted", "intent_platform.pipeline.expiry:delete_old_copies"),
)
CHALLENGER = (
    Step("run created", f"{_CLIENT}.create_run"),
    Step("metrics logged", f"{_CLIENT}.log_batch"),
    Step("model saved", "intent_platform.platforms.local.registry:_save"),
    Step("run ended", f"{_CLIENT}.set_terminated"),
    Step("version created", f"{_CLIENT}.create_model_version"),
    Step("version named", f"{_CLIENT}.set_registered_model_alias"),
)
PRUNE = (
    Step("version deleted", f"{_CLIENT}.delete_model_version"),
    Step("run deleted", f"{_CLIENT}.delete_run"),
    Step("second version deleted", f"{_CLIENT}.delete_model_version", call=2),
    Step("folder deleted", "shutil:rmtree"),
)
FIRST_START = (
    Step("Dagster's home made", "intent_platform.instance:prepare_home"),
    Step("Dagster's store made", "dagster:DagsterInstance.get"),
    Step("warehouse made", "intent_platform.platforms.local.warehouse:DuckDBWarehouse._create"),
    Step("draft of the registry begun", f"{_STORE}:_address"),
    Step("draft of the registry made", f"{_CLIENT}.create_registered_model"),
)
BACKUP = (
    Step("warehouse copied", "intent_platform.platforms.local.warehouse:DuckDBWarehouse.copied_to", "exit"),
    Step("first file copied", f"{_BACKUP}:_copy"),
    Step("files described", f"{_BACKUP}:_described", call=5),
    Step("manifest made", f"{_BACKUP}:Manifest", "before"),
)
RESTORE = (
    Step("backup compared", f"{_BACKUP}:verified_manifest"),
    Step("files copied", "pathlib:Path.rename", "before"),
    Step("warehouse moved away", "pathlib:Path.rename"),
    Step("some files moved away", "pathlib:Path.rename", call=3),
    Step("all files moved away", "pathlib:Path.rename", call=5),
    Step("some files arrived", "pathlib:Path.rename", call=7),
    Step("all files arrived", "pathlib:Path.rename", call=9),
)
