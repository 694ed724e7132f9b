"""What the files of a home hold, read raw: DuckDB, MLflow's SQLite file, Dagster's SQLite file and the folders.

The package reads none of it, so a mistake of the package cannot hide itself. `invariants` judges the state.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from intent_platform.tables import DATASET, SCORES, SOURCE, SOURCE_REJECTED, TABLES

if TYPE_CHECKING:
    import duckdb

WAREHOUSE, REGISTRY = "warehouse.duckdb", "mlflow.db"
#: The tables whose days are compared, without the times at which their rows were written.
_DAILY = (SOURCE, SOURCE_REJECTED, DATASET, SCORES)
_TIMES = {"LOADED_AT", "REJECTED_AT", "SCORED_AT"}
_UNFINISHED_RUNS = ("STARTED", "STARTING", "NOT_STARTED", "CANCELING")
_UNFINISHED_FILES = (".unfinished", ".draft", ".done")


class Day(NamedTuple):
    """One day of a table: the number of its rows, and a hash of them that does not depend on their order."""

    rows: int
    content: str


class MoveRow(NamedTuple):
    """One row of the ledger or of the intents."""

    number: int
    moved_at: str
    from_version: str | None
    to_version: str
    cause: str
    reason: str
    run_id: str


class StoredVersion(NamedTuple):
    """One version in MLflow: SHA-256 as logged, SHA-256 of its file (None: no file), and whether an alias names it."""

    logged: str | None
    stored: str | None
    is_complete: bool


@dataclass(frozen=True)
class HomeState:
    """The state of a home.

    Attributes:
        damage: a sentence for each file that cannot be read or fails its own check.
        days: by table and day.
        by_feed: the accepted and the rejected rows of each feed.
        faults: a sentence for each table with a repeated key and each day with contradicting scores.
        ledger, intents: their rows, in order.
        pointer: the name of the champion in MLflow.
        versions: by name.
        marks: the quarantined versions.
        leftovers: what an interruption left, a phrase each.
    """

    damage: tuple[str, ...] = ()
    days: Mapping[str, Mapping[str, Day]] = field(default_factory=dict)
    by_feed: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    ledger: tuple[MoveRow, ...] = ()
    intents: tuple[MoveRow, ...] = ()
    pointer: str | None = None
    versions: Mapping[str, StoredVersion] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    leftovers: tuple[str, ...] = ()

    def table(self, name: str) -> Mapping[str, Day]:
        """The days of a table; empty if there is no such table yet."""
        return self.days.get(name, {})


def state_of(home: Path) -> HomeState:
    """Read the state of a home that no process uses. It has no side effect but the replay of journals."""
    found: dict[str, Any] = {"damage": [], "leftovers": list(_leftover_files(home))}
    for name, read in ((WAREHOUSE, _read_warehouse), (REGISTRY, _read_registry), ("dagster", _read_runs)):
        if (home / name).exists():
            try:
                read(home / name, found)
            except Exception as error:  # noqa: BLE001  whatever a damaged file raises
                found["damage"].append(f"{name} cannot be read: {type(error).__name__}: {str(error)[:200]}")
    frozen: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}
    return HomeState(**frozen)


def _read_warehouse(file: Path, found: dict[str, Any]) -> None:
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        existing = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        # The ledger comes first, because a damaged day must not hide it.
        for name, table in (("ledger", "CHAMPION_HISTORY"), ("intents", "CHAMPION_INTENTS")):
            if table in existing:
                found[name] = _moves(connection, table)
        days = {table.name: _days(connection, table) for table in _DAILY if table.name in existing}
        faults = [
            f"{table.name} has {repeated} repeated keys"
            for table in TABLES
            if table.name in existing and table.key and (repeated := _repeated(connection, table.name, table.key))
        ]
        if {"SCORES", "CHAMPION_HISTORY"} <= existing:
            faults += _contradicting_scores(connection)
        found |= {"days": days, "faults": faults}
        if {"SOURCE", "SOURCE_REJECTED"} <= existing:
            found["by_feed"] = _by_feed(connection)


def _days(connection: "duckdb.DuckDBPyConnection", table: Any) -> dict[str, Day]:
    compared = ", ".join(name for name in table.column_names if name not in _TIMES)
    rows = connection.execute(
        f"SELECT SESSION_DATE::VARCHAR, COUNT(*), BIT_XOR(HASH({compared}))::VARCHAR FROM {table.name} GROUP BY 1"
    ).fetchall()
    return {day: Day(count, content) for day, count, content in rows}


def _repeated(connection: "duckdb.DuckDBPyConnection", table: str, key: Iterable[str]) -> int:
    keys = f"SELECT {', '.join(key)} FROM {table} GROUP BY ALL HAVING COUNT(*) > 1"
    return int(connection.execute(f"SELECT COUNT(*) FROM ({keys})").fetchall()[0][0])


def _contradicting_scores(connection: "duckdb.DuckDBPyConnection") -> list[str]:
    mixed = connection.execute(
        "SELECT SESSION_DATE::VARCHAR FROM SCORES GROUP BY 1 "
        "HAVING COUNT(DISTINCT MODEL_VERSION) > 1 OR COUNT(DISTINCT SCORED_AT) > 1 ORDER BY 1"
    ).fetchall()
    wrong = connection.execute(
        "SELECT DISTINCT SESSION_DATE::VARCHAR, MODEL_VERSION, S.MOVE, TO_VERSION FROM SCORES S "
        "JOIN CHAMPION_HISTORY M ON M.MOVE = S.MOVE WHERE CHOSEN_AS = 'champion' AND MODEL_VERSION <> TO_VERSION"
    ).fetchall()
    return [f"{day} was scored by two versions or at two times" for (day,) in mixed] + [
        f"{day} was scored by {version} as champion of move {move}, which made {champion} champion"
        for day, version, move, champion in wrong
    ]


def _by_feed(connection: "duckdb.DuckDBPyConnection") -> dict[str, tuple[int, int]]:
    accepted, rejected = (
        dict(connection.execute(f"SELECT FEED, COUNT(*) FROM {table} GROUP BY 1").fetchall())
        for table in ("SOURCE", "SOURCE_REJECTED")
    )
    return {feed: (accepted.get(feed, 0), rejected.get(feed, 0)) for feed in {*accepted, *rejected}}


def _moves(connection: "duckdb.DuckDBPyConnection", table: str) -> list[MoveRow]:
    rows = connection.execute(
        f"SELECT MOVE, MOVED_AT::VARCHAR, FROM_VERSION, TO_VERSION, CAUSE, REASON, RUN_ID FROM {table} ORDER BY MOVE"
    ).fetchall()
    return [MoveRow(*row) for row in rows]


def _read_registry(file: Path, found: dict[str, Any]) -> None:
    artifacts = file.with_name("mlartifacts")
    with closing(sqlite3.connect(file, timeout=20)) as connection:  # not read-only, so it replays a journal
        ((check,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if check != "ok":
            found["damage"].append(f"{file.name} fails its integrity check: {check}")
        alive = "current_stage <> 'Deleted_Internal'"
        runs = dict(connection.execute(f"SELECT version, run_id FROM model_versions WHERE {alive}").fetchall())
        aliases = dict(connection.execute("SELECT alias, version FROM registered_model_aliases").fetchall())
        tags: dict[int, dict[str, str]] = {number: {} for number in runs}
        for number, key, value in connection.execute("SELECT version, key, value FROM model_version_tags"):
            tags.setdefault(number, {})[key] = value
        names = {number: tags[number].get("version_name", f"number {number}") for number in runs}
        complete = {number for number in runs if aliases.get(names[number]) == number}
        found["versions"] = {
            names[number]: StoredVersion(
                tags[number].get("sha256"),
                _digest(artifacts / run / "artifacts" / "model" / "model.cb"),
                number in complete,
            )
            for number, run in runs.items()
        }
        found["marks"] = frozenset(names[number] for number in runs if "quarantine" in tags[number])
        found["pointer"] = names.get(aliases.get("champion", -1))
        found["damage"] += [f"the alias {a} names a deleted version" for a, v in aliases.items() if v not in runs]
        needed = {runs[number] for number in complete}
        found["leftovers"] += [f"MLflow version {names[number]} without its alias" for number in runs.keys() - complete]
        found["leftovers"] += _leftovers_of_mlflow(connection, artifacts, needed)


def _leftovers_of_mlflow(connection: sqlite3.Connection, artifacts: Path, needed: set[str]) -> list[str]:
    active = "lifecycle_stage = 'active'"
    parents = dict(connection.execute("SELECT run_uuid, value FROM tags WHERE key = 'mlflow.parentRunId'").fetchall())
    runs = connection.execute(f"SELECT run_uuid, status FROM runs WHERE {active}").fetchall()
    unneeded = [run for run, _ in runs if parents.get(run, run) not in needed]
    folders = [path.name for path in artifacts.glob("*") if path.name not in needed]
    return [f"MLflow run {run} without a version" for run in unneeded] + [
        f"artifact folder {name} without a version" for name in folders
    ]


def _digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None


def _read_runs(folder: Path, found: dict[str, Any]) -> None:
    file = folder / "history" / "runs.db"
    if not file.exists():
        return
    with closing(sqlite3.connect(file, timeout=20)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchall():
            unfinished = connection.execute(
                f"SELECT run_id, status FROM runs WHERE status IN {_UNFINISHED_RUNS}"  # a constant
            ).fetchall()
            found["leftovers"] += [f"Dagster run {run} in the state {status}" for run, status in unfinished]


def _leftover_files(home: Path) -> Iterable[str]:
    for path in sorted(home.rglob("*")):
        inner = path.relative_to(home)
        if path.name.startswith(".staged-"):
            yield f"folder {inner} of staged sessions"
        elif path.name == ".restoring":
            yield f"folder {inner} of an interrupted restore"
        elif path.name.startswith(".moving-"):
            yield f"probe {inner} of the landing folder"
        elif path.name.endswith(".done") and path.with_suffix("").exists():
            continue  # its landing file still waits
        elif path.name.endswith(_UNFINISHED_FILES) and path.is_file() and inner.parts[0] != "dagster":
            yield f"unfinished file {inner}"
