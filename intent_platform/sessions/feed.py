"""The ports `SessionSource` and `Feed`.

The other modules of this folder implement them, and `choice` picks one by setting.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date
from typing import ClassVar

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch


class SessionSource(ABC):
    """Where raw sessions come from.

    `name` is the value of the setting `feed` and of the column FEED. The platform deletes the raw sessions of a day
    after `raw_days` days; None keeps them for ever.
    """

    name: ClassVar[str]
    raw_days: int | None

    def is_available(self) -> bool:
        """Whether the sessions can be read without fetching anything first."""
        return True

    def extent(self) -> Window | None:
        """The days that have sessions; None if the source is open-ended.

        Raises:
            FeedError: the sessions cannot be read at all.
        """
        return None

    def completion_days(self, window: Window) -> Mapping[date, date]:  # noqa: ARG002  sources with late rows use it
        """The days of `window` whose late rows have arrived, each with the first day on which it was complete.

        Days without late rows, and days that are still incomplete, are left out.
        """
        return {}


class Feed(SessionSource):
    """A source that delivers sessions, which the asset `source` loads.

    A feed with `replaces_window` delivers every day completely, and a load replaces the window.
    Any other feed delivers additions, and a load replaces rows by key.
    """

    replaces_window: ClassVar[bool] = True

    @abstractmethod
    def accepted_days(self) -> Window:
        """The days that a session may have. The contract rejects rows of other days."""

    @abstractmethod
    def deliver(self, window: Window) -> AbstractContextManager[Iterator[RawBatch]]:
        """Deliver the sessions of `window` in batches.

        Leaving the context without an exception confirms that the sessions are stored.

        Raises:
            FeedError: the feed cannot deliver. Nothing is marked as delivered.
        """

    def deferred(self, window: Window) -> list[str]:  # noqa: ARG002  feeds with incomplete days use it
        """The sessions that a load of `window` leaves for a later load, one sentence for each file or day."""
        return []

    def unreadable(self) -> list[str]:
        """What the feed contains but cannot read, one sentence each. It does not block anything else."""
        return []
