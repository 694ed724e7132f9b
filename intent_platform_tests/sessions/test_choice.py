"""The setting `feed` chooses the session source."""

from pathlib import Path

import pytest

from intent_platform.sessions.choice import session_source
from intent_platform.sessions.feed import Feed
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.sessions.uci import UciFeed

SOURCES: dict[str, type[Feed | ObservedTable]] = {
    "uci": UciFeed,
    "landing": LandingFeed,
    "simulated": SimulatedFeed,
    "table": ObservedTable,
}


@pytest.mark.parametrize("name", SOURCES)
class TestEverySource:
    def test_is_chosen_by_its_name(self, make_settings, name):
        source = session_source(make_settings(feed=name))
        assert isinstance(source, SOURCES[name])
        assert source.name == name

    def test_replaces_its_window_except_the_landing_feed(self, make_settings, name):
        source = session_source(make_settings(feed=name))
        assert getattr(source, "replaces_window", True) == (name != "landing")

    def test_reads_and_creates_nothing_when_opened(self, make_settings, name):
        settings = make_settings(feed=name, uci={"csv": Path("absent.csv"), "session_dates": "spread"})
        session_source(settings)
        assert not settings.home.exists()


class TestLandingFolder:
    def test_is_in_the_home_by_default(self, make_settings, tmp_path):
        feed = session_source(make_settings(feed="landing"))
        assert isinstance(feed, LandingFeed)
        assert feed.folder == tmp_path / "home" / "landing"

    def test_is_the_one_of_the_settings(self, make_settings, tmp_path):
        feed = session_source(make_settings(feed="landing", landing={"folder": tmp_path / "drop"}))
        assert isinstance(feed, LandingFeed)
        assert feed.folder == tmp_path / "drop"
