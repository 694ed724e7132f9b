"""Plays the owner of the observed table, who fills it in a DuckDB file, in SOURCE, or elsewhere in Snowflake."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from intent_platform.partitions import Window
from intent_platform.platforms import platform_for
from intent_platform.platforms.local.staging import Staging
from intent_platform.platforms.local.warehouse import DuckDBConnection
from intent_platform.platforms.ports import Connection
from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.snowflake.connector import SnowflakeConnector
from intent_platform.sessions.contract import typed
from intent_platform.settings import Settings, load_settings
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.environment import clean_environment
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.conftest import created_schema, new_schema_name

_NAMES = ", ".join(column.name for column in SESSION_COLUMNS)
#: Columns in another order and with looser types than SOURCE: without FEED, and with BATCH, which is unknown to us.
_COLUMNS = ", ".join(f"{column.name} {column.type}" for column in reversed(SESSION_COLUMNS))
#: Where the observed table may be.
PLACES = ("file", "source", "snowflake")
DDL = f"CREATE TABLE {{}} (BATCH VARCHAR, LOADED_AT TIMESTAMP_NTZ, {_COLUMNS})"


@dataclass
class Filler:
    """The owner of the table that `settings` observe. `table` is its name for the owner."""

    settings: Settings
    table: str
    opened: Callable[[], AbstractContextManager[Connection]]
    feed: bool = False
    _batches: int = field(default=0, init=False)

    def put(self, day: date, n: int, *, seed: int = 0, at: datetime | None = None, **cells: list[Any]) -> None:
        """Add `n` sessions of `day`; `cells` replaces the first values of a column."""
        rows = sessions(day, n, seed)
        for name, values in cells.items():
            column = rows[name]
            changed = pa.chunked_array([pa.array(values, column.type), *column.slice(len(values)).chunks])
            rows = rows.set_column(rows.column_names.index(name), name, changed)
        self._batches += 1
        feed = (", FEED", ", 'elt'") if self.feed else ("", "")
        with self.opened() as connection:
            connection.stage(f"BATCH_{self._batches}", rows)
            connection.execute(
                f"INSERT INTO {self.table} ({_NAMES}, LOADED_AT{feed[0]}) SELECT {_NAMES}, :at{feed[1]} "
                f"FROM BATCH_{self._batches}",
                at=at or datetime.combine(day + timedelta(days=1), datetime.min.time()) + timedelta(hours=3),
            )

    def run(self, sql: str, **values: Any) -> None:
        """Run a statement of the owner, with `{}` for the table."""
        with self.opened() as connection:
            connection.execute(sql.format(self.table), **values)

    def contents(self) -> list[str]:
        """All rows of the table, as text."""
        with self.opened() as connection:
            return sorted(map(repr, connection.fetch(f"SELECT * FROM {self.table}").to_pylist()))

    def ours(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the platform's own tables."""
        with platform_for(self.settings).warehouse.connect() as connection:
            return [tuple(row.values()) for row in connection.fetch(sql, **values).to_pylist()]


def sessions(day: date, n: int, seed: int = 0) -> pa.Table:
    """`n` valid sessions of a day with the types of the contract."""
    rows = landing_rows(day, n, seed)
    return pa.table({column.name: typed(rows[column.name], column.type) for column in SESSION_COLUMNS})


def days(window: Window) -> dict[str, str]:
    """The tags of a range run over the days of `window`."""
    first, *_, last = [window.keys[0], *window.keys]
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def in_a_file(make_settings: Callable[..., Settings], file: Path, **overrides: Any) -> Filler:
    """A table of a schema of its own in a DuckDB file."""

    @contextmanager
    def opened() -> Iterator[Connection]:
        with duckdb.connect(str(file)) as database, closing(Staging(file)) as staging:
            yield DuckDBConnection(database, staging)

    settings = make_settings(
        feed="table", table={"relation": "shop.sessions", "file": file}, warehouse={"timeout_seconds": 5}, **overrides
    )
    filler = Filler(settings, "SHOP.SESSIONS", opened)
    filler.run("CREATE SCHEMA SHOP")
    filler.run(DDL)
    return filler


def in_our_source(make_settings: Callable[..., Settings], **overrides: Any) -> Filler:
    """SOURCE of the local warehouse."""
    settings = make_settings(feed="table", warehouse={"timeout_seconds": 5}, **overrides)
    warehouse = platform_for(settings).warehouse
    return Filler(settings, "SOURCE", lambda: warehouse.connect(writing=True), feed=True)


@contextmanager
def in_snowflake(snowflake_settings: Callable[..., Settings], **overrides: Any) -> Iterator[Filler]:
    """A table of another database of the emulated account. Its owner is the role SYSADMIN."""
    database = f"ELT_{uuid.uuid4().hex[:8]}".upper()
    table = f"{database}.SHOP.SESSIONS"
    settings = snowflake_settings(feed="table", table={"relation": table.lower()}, **overrides)
    connector = SnowflakeConnector(settings)

    @contextmanager
    def opened() -> Iterator[Connection]:
        with connector.open() as client:
            client.cursor().execute("USE ROLE SYSADMIN")
            yield SnowflakeConnection(client, {})

    filler = Filler(settings, table, opened)
    for statement in (f"CREATE DATABASE {database}", f"CREATE SCHEMA {database}.SHOP", DDL):
        filler.run(statement)
    for granted in (f"USAGE ON DATABASE {database}", f"USAGE ON SCHEMA {database}.SHOP", "SELECT ON TABLE {}"):
        filler.run(f"GRANT {granted} TO ROLE {connector.parameters['role']}")
    yield filler
    filler.run(f"DROP SCHEMA {database}.SHOP CASCADE")


NewTable = Callable[[str], AbstractContextManager[Filler]]


@pytest.fixture(scope="session")
def new_table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewTable:
    """Open a table's owner in one of `PLACES`, for fixtures that several tests share."""

    @contextmanager
    def opened(place: str) -> Iterator[Filler]:
        folder = tmp_path_factory.mktemp("table")

        def make_settings(**overrides: Any) -> Settings:
            with clean_environment():
                return load_settings(home=folder / "home", **overrides)

        def make_snowflake_settings(**overrides: Any) -> Settings:
            connection = request.getfixturevalue("emulator").connection_parameters
            snowflake = {**connection, "schema": new_schema_name()}
            settings = make_settings(deployment="dev", snowflake=snowflake, **overrides)
            until_end.enter_context(created_schema(settings))
            return settings

        with ExitStack() as until_end:
            if place == "file":
                yield in_a_file(make_settings, folder / "elt.duckdb")
            elif place == "source":
                yield in_our_source(make_settings)
            else:
                yield until_end.enter_context(in_snowflake(make_snowflake_settings))

    return opened


@pytest.fixture(params=PLACES)
def filler(request: pytest.FixtureRequest, make_settings, tmp_path: Path) -> Iterator[Filler]:
    """The table's owner, for each place in turn. `first_day` is 2024-01-01."""
    if request.param == "file":
        yield in_a_file(make_settings, tmp_path / "elt.duckdb")
    elif request.param == "source":
        yield in_our_source(make_settings)
    else:
        with in_snowflake(request.getfixturevalue("snowflake_settings")) as filler:
            yield filler
