"""The UCI feed over a file, and the landing feed over an empty folder, each in a folder of the test's own."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from intent_platform.partitions import TIMEZONE, clock_set_to
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.uci import UciFeed
from intent_platform_tests.sessions.landing_folder import AT_ONCE, FIRST_DAY, TODAY


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
    folder = tmp_path / "landing"
    folder.mkdir()
    with clock_set_to(datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=TIMEZONE)):
        yield LandingFeed(folder, FIRST_DAY, AT_ONCE)
