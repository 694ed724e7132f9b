"""The source `table`: a table or view that somebody else fills and the platform only reads.

`pipeline.observation` reads its rows. This module only describes the table.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from intent_platform.sessions.feed import SessionSource
from intent_platform.settings import Settings
from intent_platform.settings.feeds import ATTACHED
from intent_platform.tables import SOURCE, Table

#: The columns of the observed table: those of SOURCE without FEED, which only the platform's own loads fill.
COLUMNS = tuple(column for column in SOURCE.columns if column.name != "FEED")


@dataclass(frozen=True)
class ObservedTable(SessionSource):
    """The observed table.

    Attributes:
        table: its columns, and its name in statements.
        first_day: the partition that stores rejected rows without a date.
        title: its name in messages.
        raw_days: see `SessionSource`. It limits what the platform copies, not the table itself.
    """

    name: ClassVar[str] = "table"
    table: Table
    first_day: date
    title: str
    raw_days: int | None = None

    @property
    def may_be_own_source(self) -> bool:
        """Whether the name can mean SOURCE of the platform's own schema, which somebody else then fills."""
        *places, name = self.table.name.split(".")
        return name == SOURCE.name and ATTACHED not in places

    @classmethod
    def of(cls, settings: Settings) -> "ObservedTable":
        """The observed table that the settings name."""
        table = replace(SOURCE, name=settings.table.name, columns=COLUMNS)
        return cls(table, settings.first_day, settings.table.title, settings.retention.raw_days)
