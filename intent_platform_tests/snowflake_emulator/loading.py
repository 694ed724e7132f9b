"""Loading staged files into tables: file formats, INFER_SCHEMA, COPY INTO."""

import uuid
from pathlib import Path

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.errors import error, syntax_error
from intent_platform_tests.snowflake_emulator.needs import require_relations
from intent_platform_tests.snowflake_emulator.reader import Reader, replaced, tokens_of
from intent_platform_tests.snowflake_emulator.results import rows, succeeded
from intent_platform_tests.snowflake_emulator.storage import files_at, resolved

_SNOWFLAKE_TYPES = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "UBIGINT"), "NUMBER(38, 0)"),
    "DOUBLE": "REAL",
    "FLOAT": "REAL",
    "VARCHAR": "TEXT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "BLOB": "BINARY",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)",
    "TIME": "TIME(9)",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(9)",
}


def create_file_format(call: Call) -> Answer:
    """Accept Parquet. Nothing is stored, because Parquet needs no options."""
    call.reader.take("IF", "NOT", "EXISTS")
    call.key()
    if call.reader.options().get("TYPE", "").upper() != "PARQUET":
        raise syntax_error("the emulator loads Parquet files only")
    return succeeded("File format successfully created.")


def inferred_schema(call: Call, arguments: str) -> Sql:
    """INFER_SCHEMA(LOCATION => …): names and types of the Parquet files' columns."""
    reader = Reader(arguments)
    reader.expect("LOCATION", "=>")
    folder, path, _ = resolved(call, reader.location())
    described = _columns_of(call, files_at(folder, path))
    return rows(["COLUMN_NAME", "TYPE"], [(name, _SNOWFLAKE_TYPES[kind]) for name, kind in described])


def copy(call: Call) -> Answer:
    """COPY INTO a table FROM a stage, by column names or by a SELECT over `$1:"name"`."""
    call.use_warehouse()
    reader = call.reader
    reader.expect("INTO")
    first = reader.tokens[reader.place].start
    reader.parts()
    table = reader.sql[first : reader.tokens[reader.place - 1].end + 1]
    require_relations(call, f"INSERT INTO {table} SELECT NULL")
    columns = f"({reader.group()})" if reader.word() == "(" else ""
    reader.expect("FROM")
    selected, place = _parsed_select(reader.group()) if reader.word() == "(" else (None, reader.location())
    options = {name: value.upper() for name, value in reader.options().items()}
    reader.end()
    folder, path, _ = resolved(call, place)
    files = files_at(folder, path)
    if not files:
        return rows(["status"], [("Copy executed with 0 files processed.",)])
    if selected is None:
        if not options.get("MATCH_BY_COLUMN_NAME", "NONE").startswith("CASE"):
            raise error("PARQUET file format can produce one and only one column of type variant", 2019, "0A000")
        names = [f'"{name}"' for name, _ in _columns_of(call, files)]
        columns, selected = f"({', '.join(names)})", ", ".join(names)
    view = f"EMULATED_FILES_{uuid.uuid4().hex}".upper()
    duck = call.connection._duck_conn
    duck.execute(f"CREATE TEMP VIEW {view} AS SELECT * FROM read_parquet({[str(file) for file in files]!r})")
    try:
        cursor = call.connection.cursor()
        cursor.execute(f"INSERT INTO {table} {columns} SELECT {selected} FROM {view}")
        loaded = cursor.rowcount
    finally:
        duck.execute(f"DROP VIEW {view}")
    if options.get("PURGE") == "TRUE":
        for file in files:
            file.unlink()
    return rows(
        ["file", "status", "rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error"],
        [(files[0].name, "LOADED", loaded, loaded, 1, 0, None)],
    )


def _parsed_select(inside: str) -> tuple[str, str]:
    """The columns of `SELECT $1:"a"::T, … FROM @stage`, and the stage."""
    reader = Reader(inside)
    reader.expect("SELECT")
    start = reader.tokens[reader.place].start
    while reader.word() != "FROM":
        reader.place += 1
    columns = reader.sql[start : reader.tokens[reader.place].start]
    reader.expect("FROM")
    tokens = tokens_of(columns)
    dollars = [
        (token.start, tokens[place + 2].end, "")
        for place, token in enumerate(tokens)
        if token.text == "$" and tokens[place + 1].text == "1" and tokens[place + 2].text == ":"
    ]
    return replaced(columns, dollars), reader.location()


def _columns_of(call: Call, files: list[Path]) -> list[tuple[str, str]]:
    listed = call.connection._duck_conn.cursor().execute(
        f"DESCRIBE SELECT * FROM read_parquet({[str(file) for file in files]!r})"
    )
    return [(row[0], row[1]) for row in listed.fetchall()]


RULES = [
    Rule(["CREATE FILE FORMAT"], create_file_format),
    Rule(["COPY"], copy),
]
