"""One load of landing files: carries it out as the asset `source` does, and reads raw what it left.

`judgement` says what of it is wrong.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.torture.calls import Answer, answered
from bench.torture.homes import use
from bench.torture.input.dropped import Dropped
from bench.torture.state import WAREHOUSE
from bench.torture.work import LANDING
from intent_platform.partitions import Window
from intent_platform.sessions.feed import Feed
from intent_platform.settings import Settings
from intent_platform.tables import SESSION_COLUMNS, Column

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Loaded:
    """What a load left.

    Attributes:
        answer: how the load ended.
        counts: the received, accepted and rejected rows that the load reports; None if it failed.
        stored: the accepted and the rejected rows in the tables that have the time of the load.
        uids: the UIDs of these accepted rows.
        rejected: the number of these rejected rows by the name of the file.
        faults: what is wrong with the rows, a sentence each.
        told: the sentences about unreadable files.
        waiting: the names that are still in the folder, with the SHA-256 of the files.
        accepted: the SHA-256 of the files in `accepted/`.
    """

    answer: Answer
    counts: tuple[int, int, int] | None = None
    stored: tuple[int, int] = (0, 0)
    uids: frozenset[str] = field(default=frozenset(), repr=False)
    rejected: Mapping[str, int] = field(default_factory=dict)
    faults: Sequence[str] = ()
    told: Sequence[str] = ()
    waiting: Mapping[str, str] = field(default_factory=dict)
    accepted: Sequence[str] = ()


class _Reported(NamedTuple):
    """What a load says of itself: the received, accepted and rejected rows, and the time that its rows have."""

    counts: tuple[int, int, int]
    at: datetime


def load(home: Path, files: Sequence[Dropped], *, by_job: bool = False) -> Loaded:
    """Drop the files into the landing folder of the home, load them, and remove what then remains in the folder.

    With `by_job`, Dagster runs the asset `source` and its checks.
    """
    from intent_platform.sessions.choice import session_source
    from intent_platform.sessions.landing import LandingFeed

    settings = use(home, **(LANDING | {"LANDING_DONE_FILES": "false"}))
    feed = session_source(settings)
    assert isinstance(feed, LandingFeed), "the settings name it"  # noqa: S101  for the type checker
    folder = settings.landing_folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        file.drop(folder)
    reports: list[_Reported] = []
    run = _by_job if by_job else _by_function
    answer = answered("the load", lambda _: reports.append(run(settings, feed)))
    told = feed.unreadable()
    waiting = {entry.name: _digest(Path(entry.path)) for entry in os.scandir(folder) if entry.name != "accepted"}
    accepted = [_digest(path) for path in (folder / "accepted").glob("*")]
    _clear(folder)
    if not reports:
        return Loaded(answer, told=told, waiting=waiting, accepted=accepted)
    stored = _stored(home / WAREHOUSE, reports[0].at, feed.accepted_days())
    return Loaded(answer, reports[0].counts, *stored, told, waiting, accepted)


def _by_function(settings: Settings, feed: Feed) -> _Reported:
    """Load as the asset `source` does."""
    from intent_platform.pipeline.source import load_window
    from intent_platform.platforms import platform_for

    done = load_window(platform_for(settings), feed, feed.accepted_days())
    return _Reported((done.counts.received, done.counts.accepted, done.counts.rejected), done.loaded_at)


def _by_job(settings: Settings, feed: Feed) -> _Reported:
    """Run the asset `source` and its checks, and read what they show."""
    from intent_platform.automation.jobs import SESSIONS_JOB
    from intent_platform.definitions import build_definitions
    from intent_platform.instance import open_instance, run_job
    from intent_platform.partitions import now

    past = Window(feed.accepted_days().start, now().date())
    with open_instance(settings) as instance:
        done = run_job(build_definitions(settings), instance, SESSIONS_JOB.name, window=past, only="source")
    shown = done.get_asset_materialization_events()[0].materialization.metadata
    counts = tuple(int(str(shown[name].value)) for name in ("received", "rows_written", "rejected"))
    return _Reported((counts[0], counts[1], counts[2]), datetime.fromisoformat(str(shown["loaded_at"].value)))


def _stored(
    file: Path, at: datetime, days: Window
) -> tuple[tuple[int, int], frozenset[str], Mapping[str, int], Sequence[str]]:
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        accepted = connection.execute("SELECT UID FROM SOURCE WHERE LOADED_AT = ?", [at]).fetchall()
        rejected = connection.execute(
            "SELECT ORIGIN, RAW, REASONS FROM SOURCE_REJECTED WHERE REJECTED_AT = ?", [at]
        ).fetchall()
        faults = [*broken_rows(connection, days), *_unexplained(rejected)]
    by_origin = Counter(origin for origin, _, _ in rejected)
    return (len(accepted), len(rejected)), frozenset(uid for (uid,) in accepted), by_origin, faults


def broken_rows(connection: "duckdb.DuckDBPyConnection", days: Window) -> list[str]:
    """The columns of SOURCE that hold cells against their contract, a sentence each."""
    found = []
    for column in SESSION_COLUMNS:
        ((broken,),) = connection.execute(f"SELECT COUNT(*) FROM SOURCE WHERE NOT ({_rule(column, days)})").fetchall()
        if broken:
            found.append(f"{broken} rows of SOURCE have a wrong {column.name}")
    return found


def _rule(column: Column, days: Window) -> str:
    """The contract of a column as a condition. A null cell breaks it."""
    rules = [f"{column.name} IS NOT NULL"]
    if column.minimum is not None:
        rules.append(f"{column.name} >= {column.minimum}")
    if column.maximum is not None:
        rules.append(f"{column.name} <= {column.maximum}")
    if column.allowed is not None:
        rules.append(f"{column.name} IN ({', '.join(map(repr, column.allowed))})")
    if column.pattern is not None:
        rules.append(f"REGEXP_FULL_MATCH({column.name}, '{column.pattern}') AND {column.name} = LOWER({column.name})")
    if column.type == "DOUBLE":
        rules.append(f"ISFINITE({column.name})")
    if column.type == "DATE":
        rules.append(f"{column.name} >= DATE '{days.start}' AND {column.name} < DATE '{days.end}'")
    return f"COALESCE({' AND '.join(rules)}, FALSE)"


def _unexplained(rejected: Iterable[tuple[str, str, str]]) -> list[str]:
    """The rejected rows that are not complete, or have no reason."""
    found = []
    names = {column.name for column in SESSION_COLUMNS}
    for origin, raw, reasons in rejected:
        cells, sentences = json.loads(raw), json.loads(reasons)
        if {*cells} != names:
            found.append(f"a rejected row of {origin!r} has {len(cells)} cells")
        if not sentences or not all(isinstance(sentence, str) and sentence for sentence in sentences):
            found.append(f"a rejected row of {origin!r} has no reason: {sentences}")
    return found


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return "not a file"
    return sha256(path.read_bytes()).hexdigest()


def _clear(folder: Path) -> None:
    """Empty the landing folder, so the next load begins with its own files."""
    for entry in [*os.scandir(folder)]:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink()
