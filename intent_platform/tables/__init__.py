"""The contract of every table: columns, SQL types, meaning, allowed values, keys.

The module has only data. Types are Snowflake's. Names are upper case, as in
Snowflake. Times are `TIMESTAMP_NTZ` with the Asia/Tokyo wall-clock time.

A load replaces existing rows by key, and an asset check verifies that keys are unique. Snowflake does not enforce
keys, and a DuckDB index refuses to replace a row within one transaction.
"""

from intent_platform.tables.table import Column, SqlType, Table

__all__ = [
    "CHAMPION_HISTORY",
    "CHAMPION_INTENTS",
    "DATASET",
    "EVALUATIONS",
    "LARGEST_INTEGER",
    "MODEL_INPUTS",
    "MONITORING",
    "MONTH_NAMES",
    "RAW_DELETIONS",
    "SCORES",
    "SESSION_COLUMNS",
    "SOURCE",
    "SOURCE_REJECTED",
    "TABLES",
    "TABLE_VERSIONS",
    "UUID_PATTERN",
    "VISITOR_TYPES",
    "Column",
    "SqlType",
    "Table",
]

#: The largest INTEGER that both engines can store: DuckDB's type has 32 bits.
LARGEST_INTEGER = 2**31 - 1
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
VISITOR_TYPES = ("Returning_Visitor", "New_Visitor", "Other")


def _count(name: str, meaning: str) -> Column:
    return Column(name, "INTEGER", meaning, minimum=0)


def _measure(name: str, meaning: str, maximum: float | None = None) -> Column:
    return Column(name, "DOUBLE", meaning, minimum=0, maximum=maximum)


_IDENTITY = (
    Column("UID", "VARCHAR", "Identifier, a UUID; with SESSION_DATE it identifies the session", pattern=UUID_PATTERN),
    Column("SESSION_DATE", "DATE", "Day of the session, Asia/Tokyo"),
)
_BEHAVIOUR = (
    _count("ADMINISTRATIVE", "Number of account pages visited"),
    _measure("ADMINISTRATIVE_DURATION", "Seconds on account pages"),
    _count("INFORMATIONAL", "Number of visited pages about the shop"),
    _measure("INFORMATIONAL_DURATION", "Seconds on pages about the shop"),
    _count("PRODUCTRELATED", "Number of product pages visited"),
    _measure("PRODUCTRELATED_DURATION", "Seconds on product pages"),
    _measure("BOUNCERATES", "Mean bounce rate of the pages visited", maximum=1),
    _measure("EXITRATES", "Mean exit rate of the pages visited", maximum=1),
    _measure("PAGEVALUES", "Mean page value (Google Analytics) of the pages visited"),
    _measure("SPECIALDAY", "Closeness to a special day, from 0 to 1; 1 is the best day to order", maximum=1),
)
_CONTEXT = (
    _count("OPERATINGSYSTEMS", "Code of the operating system"),
    _count("BROWSER", "Code of the browser"),
    _count("REGION", "Code of the region"),
    _count("TRAFFICTYPE", "Code of the traffic source"),
    Column("VISITORTYPE", "VARCHAR", "Whether the visitor was here before", allowed=VISITOR_TYPES),
)

#: The columns that a feed delivers, and the contract that each row must meet.
SESSION_COLUMNS = (
    *_IDENTITY,
    *_BEHAVIOUR,
    Column("MONTH", "VARCHAR", "Month of the session, in the spelling of UCI", allowed=MONTH_NAMES),
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
        Column("LOADED_AT", "TIMESTAMP_NTZ", "When the session was loaded, Asia/Tokyo"),
    ),
    key=("UID", "SESSION_DATE"),
    date_column="SESSION_DATE",
)

SOURCE_REJECTED = Table(
    "SOURCE_REJECTED",
    "Complete rows that broke the contract of SOURCE, with every reason",
    (
        Column("SESSION_DATE", "DATE", "Day of the session; for an unreadable day, the partition that stores the row"),
        Column("RAW", "VARCHAR", "The row as it was received, a JSON object"),
        Column("REASONS", "VARCHAR", "Why the row was rejected, a JSON array of sentences"),
        Column("FEED", "VARCHAR", "The feed that delivered the row"),
        Column("ORIGIN", "VARCHAR", "The file or delivery that the row came from"),
        Column("REJECTED_AT", "TIMESTAMP_NTZ", "When the row was rejected, Asia/Tokyo"),
    ),
    date_column="SESSION_DATE",
)

#: Days before the latest KEPT_FROM cannot be loaded or rebuilt again, even if the setting changes.
RAW_DELETIONS = Table(
    "RAW_DELETIONS",
    "Which raw sessions were deleted because of their age. Append-only",
    (
        Column("KEPT_FROM", "DATE", "First day whose raw sessions were kept; those of all days before were deleted"),
        Column("SESSIONS", "INTEGER", "Number of rows deleted from SOURCE", minimum=0),
        Column("REJECTED", "INTEGER", "Number of rows deleted from SOURCE_REJECTED", minimum=0),
        Column("DELETED_AT", "TIMESTAMP_NTZ", "When the rows were deleted, Asia/Tokyo"),
        Column("RUN_ID", "VARCHAR", "The run that deleted the rows"),
    ),
)

#: The columns of `DATASET` that a model may use. All are numeric, and each version selects them in its own order.
MODEL_INPUTS = (
    *_BEHAVIOUR,
    *(column for column in _CONTEXT if column.type == "INTEGER"),
    Column("WEEKEND", "INTEGER", "1 on a weekend, else 0", minimum=0, maximum=1),
    Column("IS_RETURNING_VISITOR", "INTEGER", "1 for a returning visitor, else 0", minimum=0, maximum=1),
    Column("IS_NEW_VISITOR", "INTEGER", "1 for a new visitor, else 0", minimum=0, maximum=1),
    _measure("ADMINISTRATIVE_SECONDS_PER_PAGE", "Mean seconds on an account page; 0 without such pages"),
    _measure("INFORMATIONAL_SECONDS_PER_PAGE", "Mean seconds on a page about the shop; 0 without such pages"),
    _measure("PRODUCTRELATED_SECONDS_PER_PAGE", "Mean seconds on a product page; 0 without such pages"),
    _measure("BOUNCE_TIMES_EXIT", "Bounce rate times exit rate; high only when both are high", maximum=1),
    _measure("PAGEVALUE_PER_PAGE", "Page value divided by the number of product pages plus one"),
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

#: Not derived: rebuilding would replace the scores that marketing received with those of another version.
SCORES = Table(
    "SCORES",
    "One score for each session, for marketing",
    (
        *_IDENTITY,
        Column("MODEL_NAME", "VARCHAR", "Name of the registered model"),
        Column("MODEL_VERSION", "VARCHAR", "The version that scored the session"),
        Column("SCORE", "DOUBLE", "Probability that the session ends in a purchase", minimum=0, maximum=1),
        Column("SCORED_AT", "TIMESTAMP_NTZ", "When the session was scored, Asia/Tokyo"),
        Column(
            "CHOSEN_AS",
            "VARCHAR",
            "How the version was chosen: as champion, as champion at the time, or by name. NULL: an earlier release",
            nullable=True,
            allowed=("champion", "at_the_time", "version"),
        ),
        Column(
            "MOVE",
            "INTEGER",
            "Number of the champion's last move when the session was scored; NULL if there was none",
            nullable=True,
            minimum=1,
        ),
    ),
    key=("UID", "SESSION_DATE"),
    date_column="SESSION_DATE",
    version=2,
)

EVALUATIONS = Table(
    "EVALUATIONS",
    "The comparison of one month's challenger with the champion of that moment",
    (
        Column("MONTH", "DATE", "First day of the month"),
        Column("CHALLENGER", "VARCHAR", "Version name of the challenger"),
        Column("CHAMPION", "VARCHAR", "Version name of the champion; empty text if there was none"),
        Column("TEST_START", "DATE", "First day of the test window"),
        Column("TEST_END", "DATE", "First day after the test window"),
        Column(
            "SESSIONS", "INTEGER", "Number of sessions compared, including those of pooled earlier months", minimum=0
        ),
        Column("PURCHASES", "INTEGER", "Number of purchases among these sessions", minimum=0),
        Column("CHALLENGER_PR_AUC", "DOUBLE", "Average precision of the challenger", nullable=True),
        Column("CHAMPION_PR_AUC", "DOUBLE", "Average precision of the champion", nullable=True),
        Column(
            "DIFFERENCE_LOW",
            "DOUBLE",
            "Lower end of the interval of the PR-AUC difference, challenger minus champion",
            nullable=True,
        ),
        Column(
            "DIFFERENCE_HIGH",
            "DOUBLE",
            "Upper end of the interval of the PR-AUC difference, challenger minus champion",
            nullable=True,
        ),
        Column("DECISION", "VARCHAR", "The decision", allowed=("promote", "hold", "insufficient")),
        Column("REASONS", "VARCHAR", "Reasons for the decision, a JSON array of sentences"),
        Column("DETAILS", "VARCHAR", "All metrics, margins and slices, a JSON object"),
        Column("DECIDED_AT", "TIMESTAMP_NTZ", "When the decision was made, Asia/Tokyo"),
        Column("RUN_ID", "VARCHAR", "The Dagster run that made the decision"),
    ),
    key=("MONTH", "CHALLENGER", "CHAMPION"),
    date_column="MONTH",
)

_MOVE = (
    Column("MOVE", "INTEGER", "Number of the move, from 1, without gaps", minimum=1),
    Column("MOVED_AT", "TIMESTAMP_NTZ", "When the pointer was moved, Asia/Tokyo"),
    Column("EFFECTIVE_DATE", "DATE", "First session date for which the new champion counts as champion"),
    Column("FROM_VERSION", "VARCHAR", "The champion before the move; NULL if there was none", nullable=True),
    Column("TO_VERSION", "VARCHAR", "The champion after the move"),
    Column("CAUSE", "VARCHAR", "Why the pointer moved", allowed=("first", "promotion", "force", "rollback", "repair")),
    Column("REASON", "VARCHAR", "The reason in words"),
    Column("METRICS", "VARCHAR", "Metrics known at the move, a JSON object"),
    Column("RUN_ID", "VARCHAR", "The Dagster run that moved the pointer"),
)

CHAMPION_HISTORY = Table(
    "CHAMPION_HISTORY",
    "The ledger: who was champion when, and why. Append-only",
    _MOVE,
    key=("MOVE",),
)

CHAMPION_INTENTS = Table(
    "CHAMPION_INTENTS",
    "Moves of the champion that have begun. A row that stays describes a move that was cut off",
    _MOVE,
)

#: Not derived: measuring a day again needs the scores of that time, and its flags already raised alerts.
MONITORING = Table(
    "MONITORING",
    "Quality of each day's scores, and drift of its sessions from the training data",
    (
        Column("SESSION_DATE", "DATE", "Last day measured; the days before it count too, see setting monitoring.days"),
        Column("MODEL_VERSION", "VARCHAR", "The version that scored the day"),
        Column("METRIC", "VARCHAR", "Name of the metric; drift.NAME is the population stability index of feature NAME"),
        Column("VALUE", "DOUBLE", "The measured value"),
        Column("LOW", "DOUBLE", "Lower end of the interval of VALUE", nullable=True),
        Column("HIGH", "DOUBLE", "Upper end of the interval of VALUE", nullable=True),
        Column("FLAGGED", "BOOLEAN", "Whether the value needs attention"),
        Column("SENTENCE", "VARCHAR", "The measurement in words"),
        Column("SESSIONS", "INTEGER", "Number of sessions measured", minimum=0),
        Column("MEASURED_AT", "TIMESTAMP_NTZ", "When the value was measured, Asia/Tokyo"),
    ),
    key=("SESSION_DATE", "MODEL_VERSION", "METRIC"),
    date_column="SESSION_DATE",
)

TABLE_VERSIONS = Table(
    "TABLE_VERSIONS",
    "The version of each table, by which a release recognizes tables of another one",
    (
        Column("NAME", "VARCHAR", "Name of the table"),
        Column("VERSION", "INTEGER", "Version of its columns", minimum=1),
    ),
    key=("NAME",),
)

#: All tables. The versions come first, because each change of another table is recorded in them.
TABLES = (
    TABLE_VERSIONS,
    SOURCE,
    SOURCE_REJECTED,
    RAW_DELETIONS,
    DATASET,
    SCORES,
    EVALUATIONS,
    CHAMPION_HISTORY,
    CHAMPION_INTENTS,
    MONITORING,
)
