"""Chooses the session source by the setting `feed`."""

from intent_platform.sessions.feed import Feed
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.sessions.uci import UciFeed
from intent_platform.settings import Settings


def session_source(settings: Settings) -> Feed | ObservedTable:
    """The source that `settings.feed` names. Nothing is read yet."""
    match settings.feed:
        case LandingFeed.name:
            return LandingFeed(
                settings.landing_folder, settings.first_day, settings.landing, settings.retention.raw_days
            )
        case SimulatedFeed.name:
            return SimulatedFeed.of(settings)
        case ObservedTable.name:
            return ObservedTable.of(settings)
        case _:
            return UciFeed(settings, settings.retention.raw_days)
