"""The UCI feed over a file, and the landing feed over an empty folder, each in a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.uci import UciFeed
from intent_platform_tests.sessions.landing_folder import open_landing


@pytest.fixture
def open_uci(make_settings):
    """Opens the feed over a file; without one, over the copy in the home."""

    def open_feed(
        csv: Path | None, session_dates: str = "month_start", year: int = 2024, **overrides: object
    ) -> UciFeed:
        uci = {"csv": csv, "session_dates": session_dates, "year": year}
        return UciFeed(make_settings(uci=uci, **overrides))

    return open_feed


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[LandingFeed]:
    """The feed over an empty folder, at noon of `TODAY`."""
    with open_landing(tmp_path / "landing") as feed:
        yield feed
