"""What a table and a column are, and the DDL that follows from them."""

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["VARCHAR", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP_NTZ"]


@dataclass(frozen=True)
class Column:
    """One column and the limits of its values.

    Attributes:
        meaning: one phrase for the UI and the comments in the database.
        minimum, maximum: inclusive limits.
        allowed: the only allowed values.
        pattern: a regular expression that the whole text must match.
    """

    name: str
    type: SqlType
    meaning: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        meaning: one phrase, without a full stop, for the UI and the comments in the database.
        key: the columns that identify a row.
        date_column: the column by which windows select rows.
        version: rises by one with every change of the columns.
        derived: whether its asset can rebuild the table from other tables. When the columns of a derived table
            change, the table is dropped and created again, and catch-up asks for its days.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    date_column: str | None = None
    derived: bool = False
    version: int = 1

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in the order of the table."""
        return [column.name for column in self.columns]

    @property
    def ddl(self) -> str:
        """The `CREATE TABLE IF NOT EXISTS` statement in Snowflake SQL, with types, nullability and meanings."""
        lines = [
            f"{c.name} {c.type}{'' if c.nullable else ' NOT NULL'} COMMENT {_text_literal(c.meaning)}"
            for c in self.columns
        ]
        body = ",\n  ".join(lines)
        return f"CREATE TABLE IF NOT EXISTS {self.name} (\n  {body}\n) COMMENT = {_text_literal(self.meaning)}"


def _text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
