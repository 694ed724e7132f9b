"""Statements that fakesnow carries out, as they are or mended where it differs from Snowflake (docs/upstream.md)."""

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.queries import rewritten
from intent_platform_tests.snowflake_emulator.reader import Reader, closing, list_items, replaced
from intent_platform_tests.snowflake_emulator.results import rows


def query(call: Call) -> Answer:
    """Rows in or out; functions of the account are put in place."""
    return Sql(rewritten(call, call.reader.sql), call.params)


def pass_through(call: Call) -> Answer:
    """What fakesnow does as Snowflake does."""
    return Sql(_without_comment(call), call.params)


def _without_comment(call: Call) -> str:
    """fakesnow takes no COMMENT of a database or schema."""
    tokens, sql = call.reader.tokens, call.reader.sql
    words = [token.text.upper() for token in tokens]
    if words[0] == "CREATE" and "COMMENT" in words and {"DATABASE", "SCHEMA"} & set(words):
        return sql[: tokens[words.index("COMMENT")].start]
    return sql


def begin(call: Call) -> Answer:
    """Open a transaction."""
    call.reader.take_any("TRANSACTION", "WORK")
    call.session.in_transaction = True
    return Sql("BEGIN")


def finish(call: Call) -> Answer:
    """End a transaction; without one Snowflake says so and goes on."""
    call.reader.take("WORK")
    if not call.session.in_transaction:
        return rows(["status"], [("Statement executed successfully.",)])
    call.session.in_transaction = False
    return Sql(call.reader.tokens[0].text.upper())


def create_table(call: Call) -> Answer:
    """A table; fakesnow is spared what it cannot: clustering, quotes in comments, temporary tables by full name."""
    reader = call.reader
    tokens = reader.tokens
    spared = _spared(call)
    pieces: list[tuple[int, int, str]] = []
    depth, place, columns_end = 0, 0, None
    while place < len(tokens):
        word = tokens[place].text.upper()
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            columns_end = columns_end or (tokens[place].end if depth == 0 else None)
        elif place < reader.place and word in spared:
            pieces.append((tokens[place].start, tokens[place].end, ""))
        elif word in {"SELECT", "WITH"} and depth == 0:
            return _created_from_query(call, place)
        elif word == "COMMENT" and place >= reader.place:
            last = place + (2 if tokens[place + 1].text == "=" else 1)
            pieces.append((tokens[place].start, tokens[last].end, ""))
            place = last
        elif word == "CLUSTER" and depth == 0:
            last = closing(tokens, place + 2)
            pieces.append((tokens[place].start, tokens[last].end, ""))
            place = last
        place += 1
    return Sql(replaced(reader.sql, pieces))


def _spared(call: Call) -> set[str]:
    """The modifiers left out: DuckDB has temporary tables by their bare name only. Others go with the session."""
    begun = call.reader.place
    call.reader.take("IF", "NOT", "EXISTS")
    parts = call.reader.parts()
    call.reader.place = begun
    if len(parts) == 1 or not {"TEMP", "TEMPORARY"} & call.modifiers:
        return {"SCOPED", "READ", "ONLY"}
    call.session.temporary.append(".".join(f'"{part}"' for part in parts))
    return {"SCOPED", "TEMP", "TEMPORARY", "READ", "ONLY"}


def _created_from_query(call: Call, select: int) -> Answer:
    """CREATE TABLE t(columns with types) AS SELECT: fakesnow takes no column list, so the types go into the SELECT."""
    reader = call.reader
    temporary = "TEMPORARY " if {"TEMP", "TEMPORARY"} & (call.modifiers - _spared(call)) else ""
    exists = "IF NOT EXISTS " if reader.take("IF", "NOT", "EXISTS") else ""
    first = reader.tokens[reader.place].start
    reader.parts()
    name = reader.sql[first : reader.tokens[reader.place - 1].end + 1]
    query_text = rewritten(call, reader.sql[reader.tokens[select].start :])
    replacing = "OR REPLACE " if call.replacing else ""
    if reader.word() != "(":
        return Sql(f"CREATE {replacing}{temporary}TABLE {exists}{name} AS {query_text}", call.params)
    casts, names = [], []
    for definition in list_items(reader.group()):
        column = Reader(definition)
        column.name()
        written = column.sql[: column.tokens[0].end + 1]
        kind = column.rest.upper().replace("NOT NULL", "").strip()
        names.append(written)
        casts.append(f"CAST({written} AS {kind}) AS {written}")
    selected = f"SELECT {', '.join(casts)} FROM ({query_text}) AS GIVEN({', '.join(names)})"
    return Sql(f"CREATE {replacing}{temporary}TABLE {exists}{name} AS {selected}", call.params)


RULES = [
    Rule(["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"], query, delegated=True),
    Rule(
        [
            "TRUNCATE",
            "CREATE VIEW",
            "CREATE DATABASE",
            "CREATE SCHEMA",
            "DROP TABLE",
            "DROP VIEW",
            "ALTER TABLE",
            "DESC TABLE",
            "DESCRIBE TABLE",
            "DESC RESULT",
            "DESCRIBE RESULT",
            "USE DATABASE",
            "USE SCHEMA",
            "SHOW TABLES",
            "SHOW COLUMNS",
            "SHOW SCHEMAS",
            "SHOW DATABASES",
            "SHOW OBJECTS",
        ],
        pass_through,
        delegated=True,
    ),
    Rule(["BEGIN", "START"], begin),
    Rule(["COMMIT", "ROLLBACK"], finish),
    Rule(["CREATE TABLE"], create_table, delegated=True),
]
