"""The port that every feed implements, and the choice among them by setting."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import Protocol

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch
from intent_platform.settings import Settings


class Feed(Protocol):
    """Where sessions come from."""

    @property
    def name(self) -> str:
        """What the setting `feed` and the column FEED call it."""

    @property
    def replaces_window(self) -> bool:
        """Whether it delivers every day whole, so that a load may replace the window.

        Otherwise it delivers additions, and a load replaces rows by key.
        """

    def is_available(self) -> bool:
        """Whether it can deliver without fetching anything first."""

    def extent(self) -> Window | None:
        """The days that it has sessions for; None when it is open-ended.

        Raises:
            FeedError: it cannot deliver at all.
        """

    def accepted_days(self) -> Window:
        """The days that a session of it may have; a row of another day is rejected."""

    def deferred(self, window: Window) -> list[str]:
        """What a load of `window` leaves where it is, a sentence for each."""

    def completion_days(self, window: Window) -> Mapping[date, date]:
        """The days of `window` that were not whole when they were over, and the day since which they are."""

    def unreadable(self) -> list[str]:
        """What it has and cannot deliver, a sentence for each; nothing else waits for it."""

    def deliver(self, window: Window) -> AbstractContextManager[Iterator[RawBatch]]:
        """The sessions of `window`, batch by batch. Leaving without an exception says that they are safely in.

        Raises:
            FeedError: it cannot deliver; nothing is marked as delivered.
        """


def open_feed(settings: Settings) -> Feed:
    """The feed of `settings.feed`. Reads nothing yet."""
    if settings.feed == "landing":
        from intent_platform.sessions.landing import LandingFeed

        return LandingFeed(settings.landing_folder, settings.first_day, settings.landing)
    if settings.feed == "simulated":
        from intent_platform.sessions.simulated.feed import SimulatedFeed

        return SimulatedFeed.of(settings)
    if settings.feed == "table":
        from intent_platform.sessions.table import TableFeed

        return TableFeed(settings.table.title, settings.first_day)
    from intent_platform.sessions.uci import UciFeed

    return UciFeed(settings)
