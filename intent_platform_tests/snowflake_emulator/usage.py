"""The database SNOWFLAKE of the account: what each statement cost. Snowflake fills it in hours, here a test does."""

from typing import Any

from intent_platform_tests.snowflake_emulator.emulator import Emulator
from intent_platform_tests.snowflake_emulator.results import literal

HISTORY = "SNOWFLAKE.ACCOUNT_USAGE.QUERY_ATTRIBUTION_HISTORY"
_COLUMNS = {
    "QUERY_ID": "VARCHAR",
    "WAREHOUSE_NAME": "VARCHAR",
    "QUERY_TAG": "VARCHAR",
    "USER_NAME": "VARCHAR",
    "START_TIME": "TIMESTAMP_TZ",
    "END_TIME": "TIMESTAMP_TZ",
    "CREDITS_ATTRIBUTED_COMPUTE": "DOUBLE",
    "CREDITS_USED_QUERY_ACCELERATION": "DOUBLE",
}


def create(fakesnow: Any) -> None:
    """Create the view of the history as an empty table."""
    database, schema, _ = HISTORY.split(".")
    cursor = fakesnow.connect().cursor()
    cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")
    columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {HISTORY} ({columns})")


def attribute(emulator: Emulator, fakesnow: Any, credits_each: float) -> None:
    """Give every statement so far these credits, as Snowflake does within eight hours. Earlier rows are replaced."""
    cursor = fakesnow.connect("SNOWFLAKE", "ACCOUNT_USAGE").cursor()
    cursor.execute(f"DELETE FROM {HISTORY}")
    for sent in emulator.statements:
        moment = f"{literal(sent.at.isoformat())}::TIMESTAMP_TZ"
        known = (literal(str(sent.number)), literal(sent.warehouse), literal(sent.tag), "'SOMEBODY'", moment, moment)
        cursor.execute(f"INSERT INTO {HISTORY} SELECT {', '.join(known)}, {credits_each}, NULL")
