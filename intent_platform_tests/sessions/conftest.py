"""The UCI feed over a file of the test's own."""

from pathlib import Path

import pytest

from intent_platform.sessions.uci import UciFeed


@pytest.fixture
def open_uci(make_settings):
    """The feed over a file; without one, over what the home has."""

    def open_feed(
        csv: Path | None, session_dates: str = "month_start", year: int = 2024, **overrides: object
    ) -> UciFeed:
        uci = {"csv": csv, "session_dates": session_dates, "year": year}
        return UciFeed(make_settings(uci=uci, **overrides))

    return open_feed
