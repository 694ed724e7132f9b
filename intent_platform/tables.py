"""The contract of every table: columns, SQL types, meaning, allowed values, keys.

Pure data and the DDL that follows from it. Types are Snowflake's; names are upper case, as in Snowflake.
Times are `TIMESTAMP_NTZ` holding the Asia/Tokyo wall clock. Keys are unique by construction (a load
replaces what it finds) and by asset check; Snowflake does not enforce them and DuckDB is not asked to.
"""

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["VARCHAR", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP_NTZ"]

#: What every engine can hold as INTEGER: DuckDB's has 32 bits.
LARGEST_INTEGER = 2**31 - 1
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
VISITOR_TYPES = ("Returning_Visitor", "New_Visitor", "Other")


@dataclass(frozen=True)
class Column:
    """One column and what its values must be.

    `minimum` and `maximum` are inclusive. `allowed` lists the only values; `pattern` is a regular
    expression that a text must match whole.
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
    """One table. `key` identifies a row; `date_column` is what windows select by.

    A `derived` table follows wholly from other tables by its asset's SELECT. When its columns change it is made anew,
    and its days are asked for again.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    date_column: str | None = None
    derived: bool = False

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def column_names(self) -> list[str]:
        """Names in table order."""
        return [column.name for column in self.columns]

    @property
    def ddl(self) -> str:
        """`CREATE TABLE IF NOT EXISTS` in Snowflake SQL, with types, nullability and meanings."""
        lines = [
            f"{c.name} {c.type}{'' if c.nullable else ' NOT NULL'} COMMENT {_text_literal(c.meaning)}"
            for c in self.columns
        ]
        body = ",\n  ".join(lines)
        return f"CREATE TABLE IF NOT EXISTS {self.name} (\n  {body}\n) COMMENT = {_text_literal(self.meaning)}"


def _text_literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(name: str, meaning: str) -> Column:
    return Column(name, "INTEGER", meaning, minimum=0)


def _measure(name: str, meaning: str, maximum: float | None = None) -> Column:
    return Column(name, "DOUBLE", meaning, minimum=0, maximum=maximum)


_IDENTITY = (
    Column("UID", "VARCHAR", "The visitor's session, a UUID", pattern=UUID_PATTERN),
    Column("SESSION_DATE", "DATE", "The day of the session, Asia/Tokyo"),
)
_BEHAVIOUR = (
    _count("ADMINISTRATIVE", "Account pages visited"),
    _measure("ADMINISTRATIVE_DURATION", "Seconds on account pages"),
    _count("INFORMATIONAL", "Pages about the shop visited"),
    _measure("INFORMATIONAL_DURATION", "Seconds on pages about the shop"),
    _count("PRODUCTRELATED", "Product pages visited"),
    _measure("PRODUCTRELATED_DURATION", "Seconds on product pages"),
    _measure("BOUNCERATES", "Mean bounce rate of the pages visited", maximum=1),
    _measure("EXITRATES", "Mean exit rate of the pages visited", maximum=1),
    _measure("PAGEVALUES", "Mean page value (Google Analytics) of the pages visited"),
    _measure("SPECIALDAY", "Closeness to a special day, 1 on the best day to order", maximum=1),
)
_CONTEXT = (
    _count("OPERATINGSYSTEMS", "Operating system, a code"),
    _count("BROWSER", "Browser, a code"),
    _count("REGION", "Region, a code"),
    _count("TRAFFICTYPE", "Traffic source, a code"),
    Column("VISITORTYPE", "VARCHAR", "Whether the visitor was here before", allowed=VISITOR_TYPES),
)

#: What a feed delivers, and the contract its rows are held to.
SESSION_COLUMNS = (
    *_IDENTITY,
    *_BEHAVIOUR,
    Column("MONTH", "VARCHAR", "Month of the session as UCI spells it", allowed=MONTH_NAMES),
    *_CONTEXT,
    Column("WEEKEND", "BOOLEAN", "Whether the session was on a weekend"),
    Column("REVENUE", "BOOLEAN", "Whether the session ended in a purchase"),
)

SOURCE = Table(
    "SOURCE",
    "Raw browsing sessions, as the feed delivered them",
    (
        *SESSION_COLUMNS,
        Column("FEED", "VARCHAR", "The feed that delivered the session"),
        Column("LOADED_AT", "TIMESTAMP_NTZ", "When it was loaded, Asia/Tokyo"),
    ),
    key=("UID", "SESSION_DATE"),
    date_column="SESSION_DATE",
)

SOURCE_REJECTED = Table(
    "SOURCE_REJECTED",
    "Rows that broke the contract of SOURCE, whole, with the reasons",
    (
        Column("SESSION_DATE", "DATE", "The day of the session; when that cannot be read, the day it was filed under"),
        Column("RAW", "VARCHAR", "The row as it came, a JSON object"),
        Column("REASONS", "VARCHAR", "Why it was rejected, a JSON array of sentences"),
        Column("FEED", "VARCHAR", "The feed that delivered the row"),
        Column("ORIGIN", "VARCHAR", "The file that it came from"),
        Column("REJECTED_AT", "TIMESTAMP_NTZ", "When it was rejected, Asia/Tokyo"),
    ),
    date_column="SESSION_DATE",
)

#: The columns of `DATASET` that a model may be given. All numeric: a version takes them in its own order.
MODEL_INPUTS = (
    *_BEHAVIOUR,
    *(column for column in _CONTEXT if column.type == "INTEGER"),
    Column("WEEKEND", "INTEGER", "1 on a weekend, else 0", minimum=0, maximum=1),
    Column("IS_RETURNING_VISITOR", "INTEGER", "1 for a returning visitor, else 0", minimum=0, maximum=1),
    Column("IS_NEW_VISITOR", "INTEGER", "1 for a new visitor, else 0", minimum=0, maximum=1),
    _measure("ADMINISTRATIVE_SECONDS_PER_PAGE", "Pace on account pages; 0 without any"),
    _measure("INFORMATIONAL_SECONDS_PER_PAGE", "Pace on pages about the shop; 0 without any"),
    _measure("PRODUCTRELATED_SECONDS_PER_PAGE", "Pace on product pages; 0 without any"),
    _measure("BOUNCE_TIMES_EXIT", "Bounce rate times exit rate: high when both are", maximum=1),
    _measure("PAGEVALUE_PER_PAGE", "Page value per product page (plus one)"),
)

DATASET = Table(
    "DATASET",
    "Sessions with model features, one row for each row of SOURCE",
    (
        *_IDENTITY,
        Column("REVENUE", "INTEGER", "1 when the session ended in a purchase, else 0", minimum=0, maximum=1),
        Column("VISITORTYPE", "VARCHAR", "Whether the visitor was here before", allowed=VISITOR_TYPES),
        *MODEL_INPUTS,
    ),
    key=("UID", "SESSION_DATE"),
    date_column="SESSION_DATE",
    derived=True,
)

#: Not derived: a score is what a version said of a session at the time.
SCORES = Table(
    "SCORES",
    "One score for each session, for marketing",
    (
        *_IDENTITY,
        Column("MODEL_NAME", "VARCHAR", "The registered model"),
        Column("MODEL_VERSION", "VARCHAR", "The version that scored the session"),
        Column("SCORE", "DOUBLE", "Probability that the session ends in a purchase", minimum=0, maximum=1),
        Column("SCORED_AT", "TIMESTAMP_NTZ", "When it was scored, Asia/Tokyo"),
    ),
    key=("UID", "SESSION_DATE"),
    date_column="SESSION_DATE",
)

EVALUATIONS = Table(
    "EVALUATIONS",
    "The head-to-head of one month's challenger and the champion of that moment",
    (
        Column("MONTH", "DATE", "First day of the month"),
        Column("CHALLENGER", "VARCHAR", "Version name of the challenger"),
        Column("CHAMPION", "VARCHAR", "Version name of the champion; empty text when there was none"),
        Column("TEST_START", "DATE", "First day of the test window"),
        Column("TEST_END", "DATE", "Day after the test window"),
        Column("SESSIONS", "INTEGER", "Sessions compared, those of pooled earlier months included", minimum=0),
        Column("PURCHASES", "INTEGER", "Purchases among them", minimum=0),
        Column("CHALLENGER_PR_AUC", "DOUBLE", "Average precision of the challenger", nullable=True),
        Column("CHAMPION_PR_AUC", "DOUBLE", "Average precision of the champion", nullable=True),
        Column("DIFFERENCE_LOW", "DOUBLE", "Lower end of the interval of their difference", nullable=True),
        Column("DIFFERENCE_HIGH", "DOUBLE", "Upper end of the interval of their difference", nullable=True),
        Column("DECISION", "VARCHAR", "What was decided", allowed=("promote", "hold", "insufficient")),
        Column("REASONS", "VARCHAR", "Why, a JSON array of sentences"),
        Column("DETAILS", "VARCHAR", "All metrics, margins and slices, a JSON object"),
        Column("DECIDED_AT", "TIMESTAMP_NTZ", "When it was decided, Asia/Tokyo"),
        Column("RUN_ID", "VARCHAR", "The Dagster run that decided"),
    ),
    key=("MONTH", "CHALLENGER", "CHAMPION"),
    date_column="MONTH",
)

CHAMPION_HISTORY = Table(
    "CHAMPION_HISTORY",
    "The ledger: who was champion when, and why. Append-only",
    (
        Column("MOVE", "INTEGER", "Number of the move, from 1, without gaps", minimum=1),
        Column("MOVED_AT", "TIMESTAMP_NTZ", "When the pointer was moved, Asia/Tokyo"),
        Column("EFFECTIVE_DATE", "DATE", "First session date that the new champion stands for"),
        Column("FROM_VERSION", "VARCHAR", "The champion left; none before the first", nullable=True),
        Column("TO_VERSION", "VARCHAR", "The champion from then on"),
        Column("CAUSE", "VARCHAR", "Why it moved", allowed=("first", "promotion", "force", "rollback")),
        Column("REASON", "VARCHAR", "In words"),
        Column("METRICS", "VARCHAR", "What was measured, a JSON object"),
        Column("RUN_ID", "VARCHAR", "The Dagster run that moved it"),
    ),
    key=("MOVE",),
)

#: Not derived: a day can only be measured again with the version and the scores of then, and its flags were announced.
MONITORING = Table(
    "MONITORING",
    "How the scores of each day turned out, and how far its sessions are from those trained on",
    (
        Column("SESSION_DATE", "DATE", "The last day measured; the days before it join, see setting monitoring.days"),
        Column("MODEL_VERSION", "VARCHAR", "The version that scored the day"),
        Column("METRIC", "VARCHAR", "What was measured; drift.NAME is the population stability index of a feature"),
        Column("VALUE", "DOUBLE", "The measured value"),
        Column("LOW", "DOUBLE", "Lower end of its interval", nullable=True),
        Column("HIGH", "DOUBLE", "Upper end of its interval", nullable=True),
        Column("FLAGGED", "BOOLEAN", "Whether somebody should look"),
        Column("SENTENCE", "VARCHAR", "The same in words"),
        Column("SESSIONS", "INTEGER", "Sessions measured", minimum=0),
        Column("MEASURED_AT", "TIMESTAMP_NTZ", "When it was measured, Asia/Tokyo"),
    ),
    key=("SESSION_DATE", "MODEL_VERSION", "METRIC"),
    date_column="SESSION_DATE",
)

TABLES = (SOURCE, SOURCE_REJECTED, DATASET, SCORES, EVALUATIONS, CHAMPION_HISTORY, MONITORING)
