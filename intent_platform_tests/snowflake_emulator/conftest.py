"""Connections to the emulated account, each to a schema of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import snowflake.connector

from intent_platform_tests.conftest import new_schema_name
from intent_platform_tests.snowflake_emulator.server import RunningEmulator


@contextmanager
def connected(emulator: RunningEmulator) -> Iterator[Any]:
    """A connection to a schema of its own. Another one drops the schema, because Snowpark closes its connection."""
    schema = new_schema_name()
    place = {"database": "MLSYSTEM_DEV", "warehouse": "COMPUTE_WH"}
    with snowflake.connector.connect(**emulator.connection_parameters, **place) as connection:
        connection.cursor().execute(f"CREATE SCHEMA {schema}")
        connection.cursor().execute(f"USE SCHEMA {schema}")
        yield connection
    with snowflake.connector.connect(**emulator.connection_parameters, **place) as another:
        another.cursor().execute(f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def snowpark_session(connection: Any) -> Iterator[Any]:
    from snowflake.snowpark import Session

    session = Session.builder.configs({"connection": connection}).create()
    yield session
    session.close()


@pytest.fixture
def connection(emulator: RunningEmulator) -> Iterator[Any]:
    with connected(emulator) as connection:
        yield connection


@pytest.fixture
def cursor(connection: Any) -> Any:
    return connection.cursor()


@pytest.fixture
def snowpark(connection: Any) -> Iterator[Any]:
    with snowpark_session(connection) as session:
        yield session
