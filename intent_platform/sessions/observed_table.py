"""A table or view that somebody else fills with sessions: the platform observes it and never writes it.

How its rows are read is in `pipeline.observation`: no row passes through here.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from intent_platform.sessions.feed import SessionSource
from intent_platform.settings import Settings
from intent_platform.tables import SOURCE, Table

#: What is read: SOURCE without FEED, which only a platform that loads sessions writes.
COLUMNS = tuple(column for column in SOURCE.columns if column.name != "FEED")


@dataclass(frozen=True)
class ObservedTable(SessionSource):
    """The observed table. Statements use the name of `table`, messages use `title`.

    Rows without a day are filed under `first_day`.
    """

    name: ClassVar[str] = "table"
    table: Table
    first_day: date
    title: str

    @classmethod
    def of(cls, settings: Settings) -> "ObservedTable":
        """The table that the settings name."""
        table = replace(SOURCE, name=settings.table.name, columns=COLUMNS)
        return cls(table, settings.first_day, settings.table.title)
