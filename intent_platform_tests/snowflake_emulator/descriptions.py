"""The description of a result says which columns are never NULL. fakesnow says it of none."""

import json
from collections.abc import Collection

from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.dialect import parse_one
from sqlglot import exp
from starlette.responses import JSONResponse, Response

from intent_platform_tests.snowflake_emulator.copies import found_table


def never_null(connection: FakeSnowflakeConnection, sql: str) -> set[str]:
    """The columns of the result that are NOT NULL columns of a table, for a query of one table."""
    query = parse_one(sql)
    source = query.args.get("from_") if isinstance(query, exp.Select) else None
    if source is None or query.args.get("joins") or not isinstance(source.this, exp.Table) or not source.this.name:
        return set()
    table = source.this
    duck = connection._duck_conn
    place = found_table(duck, table.catalog or connection.database, table.db or connection.schema, table.name)
    if place is None:
        return set()
    kept = duck.execute(
        "SELECT column_name FROM duckdb_columns() WHERE NOT is_nullable "
        "AND database_name = ? AND schema_name = ? AND table_name = ?",
        place,
    ).fetchall()
    required = {str(name) for (name,) in kept}
    found: set[str] = set()
    for column in query.expressions:
        if isinstance(column, exp.Star):
            found |= required
        elif isinstance(column.unalias(), exp.Column) and column.unalias().name.upper() in required:
            found.add(column.alias_or_name.upper())
    return found


def with_nullability(answered: Response, required: Collection[str]) -> Response:
    """fakesnow's answer, with these columns described as never NULL."""
    body = json.loads(bytes(answered.body))
    for column in (body.get("data") or {}).get("rowtype", ()):
        column["nullable"] = column["name"].upper() not in required
    return JSONResponse(body)
