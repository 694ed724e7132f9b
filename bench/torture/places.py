"""Homes in other places: folders with unusual names, processes of other time zones, and the end of the year.

The answers are those of the home in its first folder and in Asia/Tokyo.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import product
from random import Random
from typing import Any

from bench.torture.damage import expected
from bench.torture.homes import Room
from bench.torture.parts import with_files
from bench.torture.questions import asked, broken_answer, crashes_in
from bench.torture.trials import Outcome, Size, Trial, drawn
from intent_platform.partitions import TIMEZONE, clock_set_to

_FOLDERS = ("a b", "a'b", 'a"b', "a#b", "a;b:c", "日本", "[x]*")
_QUESTIONS = ("rows", "versions", "scores", "rollback", "promotion", "landing load", "setup", "backup")
#: One is behind Tokyo by more than half a day, and in the other one the next day begins before Tokyo's.
_TIME_ZONES = ("America/New_York", "Pacific/Kiritimati")
#: By the time in Tokyo: the answer to "times".
_YEARS_END = {
    datetime(2025, 12, 31, 23, 58, tzinfo=TIMEZONE): ["v_251231_2358", "2025-12-31 23:58", "2025-12-31"],
    datetime(2026, 1, 1, 0, 0, tzinfo=TIMEZONE): ["v_260101_0000", "2026-01-01 00:00", "2026-01-01"],
}


def places(size: Size, random: Random) -> Iterator[Trial]:
    """The folders, the time zones and the moments, in random order."""
    trials = [
        *(Trial("other places", f"moved home: {name}", partial(_moved, name)) for name in _FOLDERS),
        *(Trial("other places", f"time zone: {zone}", partial(_in_zone, zone)) for zone in _TIME_ZONES),
        *(
            Trial("other places", f"year's end: {moment:%d %b %H:%M}, {zone}", partial(_at_years_end, zone, moment))
            for zone, moment in product(_TIME_ZONES, _YEARS_END)
        ),
    ]
    yield from drawn(trials, size.damages, random)


@contextmanager
def elsewhere(zone: str, moment: datetime | None = None) -> Iterator[None]:
    """Set the time zone of this process, and perhaps its clock."""
    os.environ["TZ"] = zone
    time.tzset()
    if moment is None:
        yield
    else:
        with clock_set_to(moment):
            yield


def _moved(name: str, room: Room, random: Random) -> Outcome:
    return _asked_all(room, _QUESTIONS if name == _FOLDERS[0] else random.sample(_QUESTIONS, 4), folder_name=name)


def _in_zone(zone: str, room: Room, _: Random) -> Outcome:
    return _asked_all(room, _QUESTIONS, zone=zone)


def _at_years_end(zone: str, moment: datetime, room: Room, _: Random) -> Outcome:
    with room.copy(room.shop()) as folder:
        answer = asked("times", folder, [], partial(elsewhere, zone, moment))
        return Outcome(broken_answer(answer, _YEARS_END[moment], (), ()) + crashes_in(folder / "home"))


def _asked_all(room: Room, questions: Any, *, folder_name: str = ".", zone: str = "Asia/Tokyo") -> Outcome:
    found, names = list[str](), expected(room, room.shop(), "names")
    for question in questions:
        right = expected(room, with_files(room), question)
        with room.copy(with_files(room)) as folder:
            place = folder / folder_name
            place.mkdir(exist_ok=True)
            (folder / "home").rename(place / "home")
            answer = asked(question, place, names, partial(elsewhere, zone))
            found += [*broken_answer(answer, right, (), ()), *crashes_in(place / "home")]
    return Outcome(found)
