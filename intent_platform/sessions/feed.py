"""The port of every session source, and of the feeds among them.

The sources themselves are the other modules of this folder; `choice` picks one by setting.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import ClassVar

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch


class SessionSource(ABC):
    """Where raw sessions come from. `name` is what the setting `feed` and the column FEED call it."""

    name: ClassVar[str]

    def is_available(self) -> bool:
        """Whether the sessions can be read without fetching anything first."""
        return True

    def extent(self) -> Window | None:
        """The days that have sessions; None when the source is open-ended.

        Raises:
            FeedError: the sessions cannot be read at all.
        """
        return None

    def completion_days(self, window: Window) -> Mapping[date, date]:  # noqa: ARG002  for sources with late rows
        """The days of `window` that were incomplete when they ended, and the day since which each is complete."""
        return {}


class Feed(SessionSource):
    """A source that delivers sessions, which the asset `source` loads.

    With `replaces_window` the feed delivers every day whole, and a load replaces the window. Without it the feed
    delivers additions, and a load replaces rows by key.
    """

    replaces_window: ClassVar[bool] = True

    @abstractmethod
    def accepted_days(self) -> Window:
        """The days that a session may have. The contract rejects a row of another day."""

    @abstractmethod
    def deliver(self, window: Window) -> AbstractContextManager[Iterator[RawBatch]]:
        """The sessions of `window`, batch by batch. Leaving without an exception confirms that they are stored.

        Raises:
            FeedError: the feed cannot deliver; nothing is marked as delivered.
        """

    def deferred(self, window: Window) -> list[str]:  # noqa: ARG002  for feeds that wait for more
        """What a load of `window` leaves for a later load, a sentence each."""
        return []

    def unreadable(self) -> list[str]:
        """What the feed holds and cannot read, a sentence each. Nothing else waits for it."""
        return []
