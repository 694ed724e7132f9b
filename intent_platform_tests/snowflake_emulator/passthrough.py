"""Statements that fakesnow executes, unchanged or rewritten where it differs from Snowflake (docs/upstream.md)."""

from intent_platform_tests.snowflake_emulator.emulator import Answer, Call, Rule, Sql
from intent_platform_tests.snowflake_emulator.needs import (
    creating,
    dropping,
    on_object,
    require_relations,
    using_schema,
)
from intent_platform_tests.snowflake_emulator.queries import rewritten
from intent_platform_tests.snowflake_emulator.reader import Reader, closing, list_items, replaced
from intent_platform_tests.snowflake_emulator.results import succeeded


def query(call: Call) -> Answer:
    """Queries and changes of rows. Functions of the account are replaced by their values."""
    text = rewritten(call, call.reader.sql)
    require_relations(call, text)
    words = {token.text.upper() for token in call.reader.tokens}
    if "FROM" in words or not words & {"SELECT", "WITH"}:  # a query of constants needs no warehouse
        call.use_warehouse()
    return Sql(text, call.params)


def create_view(call: Call) -> Answer:
    """Create a view. Its owner needs the privileges of its query."""
    words = [token.text.upper() for token in call.reader.tokens]
    selected = call.reader.tokens[words.index("AS") + 1].start
    require_relations(call, rewritten(call, call.reader.sql[selected:]))
    return Sql(call.reader.sql, call.params)


def pass_through(call: Call) -> Answer:
    """Statements that fakesnow executes as Snowflake does."""
    return Sql(_without_comment(call), call.params)


def _without_comment(call: Call) -> str:
    """fakesnow refuses the COMMENT of a database or schema."""
    tokens, sql = call.reader.tokens, call.reader.sql
    words = [token.text.upper() for token in tokens]
    if words[0] == "CREATE" and "COMMENT" in words and {"DATABASE", "SCHEMA"} & set(words):
        return sql[: tokens[words.index("COMMENT")].start]
    return sql


def begin_transaction(call: Call) -> Answer:
    """Open a transaction."""
    call.reader.take_any("TRANSACTION", "WORK")
    call.reader.end()
    call.emulator.transactions.begin(call.connection)
    return succeeded()


def commit(call: Call) -> Answer:
    """Commit the transaction. Without one, Snowflake answers success."""
    call.reader.take("WORK")
    call.reader.end()
    call.emulator.transactions.commit(call.connection)
    return succeeded()


def roll_back(call: Call) -> Answer:
    """Roll the transaction back. Without one, Snowflake answers success."""
    call.reader.take("WORK")
    call.reader.end()
    call.emulator.transactions.roll_back(call.connection)
    return succeeded()


def create_table(call: Call) -> Answer:
    """Create a table. Clustering, comments and qualified temporary tables are left out: fakesnow refuses them."""
    reader = call.reader
    tokens = reader.tokens
    left_out = _unsupported(call)
    pieces: list[tuple[int, int, str]] = []
    depth, place, columns_end = 0, 0, None
    while place < len(tokens):
        word = tokens[place].text.upper()
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            columns_end = columns_end or (tokens[place].end if depth == 0 else None)
        elif place < reader.place and word in left_out:
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


def _unsupported(call: Call) -> set[str]:
    """The modifiers to leave out.

    DuckDB knows temporary tables by their bare name only. A qualified one becomes a table that ends with the session.
    """
    begun = call.reader.place
    call.reader.take("IF", "NOT", "EXISTS")
    parts = call.reader.parts()
    call.reader.place = begun
    if len(parts) == 1 or not {"TEMP", "TEMPORARY"} & call.modifiers:
        return {"SCOPED", "READ", "ONLY"}
    call.session.temporary.append(".".join(f'"{part}"' for part in parts))
    return {"SCOPED", "TEMP", "TEMPORARY", "READ", "ONLY"}


def _created_from_query(call: Call, select: int) -> Answer:
    """CREATE TABLE t(columns) AS SELECT. fakesnow refuses the column list: its types become casts in the SELECT."""
    call.use_warehouse()
    reader = call.reader
    temporary = "TEMPORARY " if {"TEMP", "TEMPORARY"} & (call.modifiers - _unsupported(call)) else ""
    exists = "IF NOT EXISTS " if reader.take("IF", "NOT", "EXISTS") else ""
    first = reader.tokens[reader.place].start
    reader.parts()
    name = reader.sql[first : reader.tokens[reader.place - 1].end + 1]
    query_text = rewritten(call, reader.sql[reader.tokens[select].start :])
    require_relations(call, query_text)
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
    Rule(["CREATE DATABASE"], pass_through, delegated=True, need=creating("DATABASE")),
    Rule(["CREATE SCHEMA"], pass_through, delegated=True, need=creating("SCHEMA")),
    Rule(["CREATE VIEW"], create_view, delegated=True, need=creating("VIEW")),
    Rule(["ALTER TABLE"], pass_through, delegated=True, need=on_object("OWNERSHIP", "TABLE")),
    Rule(["DROP TABLE"], pass_through, delegated=True, need=dropping("TABLE")),
    Rule(["USE SCHEMA"], pass_through, delegated=True, need=using_schema),
    Rule(["SHOW DATABASES", "SHOW SCHEMAS"], pass_through, delegated=True),
    Rule(["BEGIN"], begin_transaction),
    Rule(["COMMIT"], commit),
    Rule(["ROLLBACK"], roll_back),
    Rule(["CREATE TABLE"], create_table, delegated=True, need=creating("TABLE")),
]
