"""Calls of the platform by processes at once, and what each one answered."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.torture import work
from bench.torture.work import CommandRefused, platform_of
from intent_platform.errors import IntentPlatformError
from intent_platform.partitions import Window

#: The ids of the runs of callers that are not commands begin with this.
RUN = "torture: "
_MOVED = "The champion is now"
_LONGEST_REFUSAL = 600  # characters


@dataclass(frozen=True)
class Answer:
    """What a call answered.

    Attributes:
        who: the caller and the number of the call.
        kind: `moved` the champion, did `nothing` of the kind, was `refused` by the platform, or `failed` otherwise.
        move: what identifies its move: the run in the ledger, or for a command the new champion. Otherwise empty.
        text: the message of a refusal, or the traceback of a failure.
        result: what the call returned.
    """

    who: str
    kind: Literal["moved", "nothing", "refused", "failed"]
    move: str = ""
    text: str = ""
    result: Any = None

    @property
    def is_long_winded(self) -> bool:
        """Whether a refusal is more than a short paragraph on one line."""
        return self.kind == "refused" and ("\n" in self.text or len(self.text) > _LONGEST_REFUSAL)


def answered(who: str, call: Callable[[str], Any]) -> Answer:
    """Make a call with the id of a run. Its result says whether it moved the champion."""
    run = f"{RUN}{who}"
    try:
        result = call(run)
    except IntentPlatformError as error:
        return Answer(who, "refused", text=str(error))
    except Exception:  # noqa: BLE001  whatever it is, a user would see it
        return Answer(who, "failed", text=traceback.format_exc()[-1_500:])
    return Answer(who, "moved", run) if result is True else Answer(who, "nothing", result=result)


def command(home: Path, who: str, name: str, *arguments: str) -> list[Answer]:
    """Call a command as its user does, and read its answer from what it prints."""
    try:
        output = work.command(home, name, *arguments)
    except CommandRefused as refusal:
        return [Answer(who, "refused", text=str(refusal))]
    except RuntimeError as failure:
        return [Answer(who, "failed", text=str(failure))]
    moved = re.search(rf"{_MOVED} (v_\d+_\d+)", output)
    return [Answer(who, "moved", moved[1]) if moved else Answer(who, "nothing")]


def start(home: Path, number: int) -> list[Answer]:
    """Set up a new home and open its registry."""
    (answer,) = command(home, f"start {number}", "setup")
    if answer.kind != "nothing":
        return [answer]
    return [answered(answer.who, lambda _: platform_of(home).registry.champion())]


def read(home: Path, window: Window) -> None:
    """Read scores as a user does.

    Raises:
        RuntimeError: a day has scores of two versions, or not one score for each session.
    """
    with platform_of(home).warehouse.connect() as connection:
        mixed = connection.fetch(
            "SELECT SESSION_DATE FROM SCORES WHERE SESSION_DATE >= :start AND SESSION_DATE < :end "
            "GROUP BY SESSION_DATE HAVING COUNT(DISTINCT MODEL_VERSION) > 1",
            **window.bounds,
        ).num_rows
        missing = connection.value(
            "SELECT COUNT(*) AS MISSING FROM DATASET D LEFT JOIN SCORES S ON S.UID = D.UID AND S.SESSION_DATE = "
            "D.SESSION_DATE WHERE D.SESSION_DATE >= :start AND D.SESSION_DATE < :end AND S.UID IS NULL",
            **window.bounds,
        )
    if mixed or missing:
        raise RuntimeError(f"{mixed} days have scores of two versions, and {missing} sessions have none")
