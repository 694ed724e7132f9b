from pathlib import Path

import pytest

from intent_platform.sessions.choice import session_source
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.sessions.uci import UciFeed


@pytest.mark.parametrize(
    ("name", "kind"),
    [("uci", UciFeed), ("landing", LandingFeed), ("simulated", SimulatedFeed), ("table", ObservedTable)],
)
def test_the_setting_picks_the_feed(make_settings, name, kind):
    settings = make_settings(feed=name)
    feed = session_source(settings)
    assert isinstance(feed, kind)
    assert feed.name == name
    assert getattr(feed, "replaces_window", True) == (name != "landing")


def test_opening_a_feed_reads_and_makes_nothing(make_settings):
    for name in ("uci", "landing", "simulated", "table"):
        settings = make_settings(feed=name, uci={"csv": Path("absent.csv"), "session_dates": "spread"})
        session_source(settings)
        assert not settings.home.exists()


def test_the_landing_feed_looks_into_the_folder_of_the_settings(make_settings, tmp_path):
    in_home = session_source(make_settings(feed="landing"))
    elsewhere = session_source(make_settings(feed="landing", landing={"folder": tmp_path / "drop"}))
    assert isinstance(in_home, LandingFeed)
    assert isinstance(elsewhere, LandingFeed)
    assert in_home.folder == tmp_path / "home" / "landing"
    assert elsewhere.folder == tmp_path / "drop"
