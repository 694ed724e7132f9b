"""The `table` feed: sessions that somebody else brings into the warehouse. It is observed there, and loads nothing.

How it is read is in `pipeline.observation`: no row of it passes through here.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NoReturn

from intent_platform.errors import FeedError
from intent_platform.partitions import Window, now


@dataclass(frozen=True)
class TableFeed:
    """The table or view `title`, as people are told of it."""

    title: str
    first_day: date
    name: str = "table"
    replaces_window: bool = True

    def is_available(self) -> bool:
        """Always: there is nothing to fetch."""
        return True

    def extent(self) -> None:
        """Open-ended."""
        return

    def accepted_days(self) -> Window:
        """From the first partition to today, Asia/Tokyo."""
        tomorrow = now().date() + timedelta(days=1)
        return Window(min(self.first_day, tomorrow), tomorrow)

    def deferred(self, window: Window) -> list[str]:  # noqa: ARG002  nothing is loaded
        """Nothing."""
        return []

    def completion_days(self, window: Window) -> dict[date, date]:  # noqa: ARG002  changes are found by observing
        """Nothing."""
        return {}

    def unreadable(self) -> list[str]:
        """Nothing: rows that break the contract are found where they are."""
        return []

    def deliver(self, window: Window) -> AbstractContextManager[NoReturn]:
        """Never: `dataset` reads the table itself.

        Raises:
            FeedError: always.
        """
        raise FeedError(f"{self.title} is observed, not loaded: materialize dataset of {window}")
