"""Scores that an earlier champion gave: which days they are, and scoring these days again.

Everything here is a level, not an edge. A day stays outdated until somebody scores it again.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from intent_platform.errors import IntentPlatformError
from intent_platform.partitions import Window, trailing_window
from intent_platform.pipeline.counts import newest_day
from intent_platform.pipeline.monitoring import monitor
from intent_platform.pipeline.scoring import CHAMPION, score
from intent_platform.platforms.ledger import Move, read_ledger
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection, Platform
from intent_platform.settings import Settings
from intent_platform.tables import SCORES


@dataclass(frozen=True)
class Rescoring:
    """The result of scoring outdated days again.

    Attributes:
        done: the windows that the champion has scored again, with their measures.
        left: the windows whose scores or measures are not replaced, because of `failure`.
        failure: the first error. The windows after it were not tried.
    """

    done: tuple[Window, ...] = ()
    left: tuple[Window, ...] = ()
    failure: IntentPlatformError | None = None


def rescore(platform: Platform, settings: Settings) -> Rescoring:
    """Score the recent days of an earlier champion again, and measure them. An error ends the work and is returned."""
    with platform.warehouse.connect() as connection:
        latest = read_ledger(connection).latest
        windows = tuple(recently_outdated(connection, latest, settings)) if latest else ()
    for place, window in enumerate(windows):
        try:
            score(platform, CHAMPION, window)
            monitor(platform, window, settings)
        except IntentPlatformError as error:
            return Rescoring(windows[:place], windows[place:], error)
    return Rescoring(windows)


def recently_outdated(connection: Connection, move: Move, settings: Settings) -> list[Window]:
    """The outdated days among the last `scoring.rescore_days` scored days; see `outdated_scores`.

    Partitions begin at `first_day`, which may be later than all scores.
    """
    newest = newest_day(connection, SCORES)
    if newest is None:
        return []
    recent = trailing_window(newest, settings.scoring.rescore_days)
    return outdated_scores(connection, recent.intersection(Window(settings.first_day, date.max)), move)


def outdated_scores(connection: Connection, window: Window, move: Move) -> list[Window]:
    """The days of `window` that a champion before `move` scored, in the fewest windows without a day that must stay.

    `move` is the champion's last move. A day stays if somebody named the version that scored it, or asked for the
    champion at the time. The scores of an earlier release do not say how their version was chosen. They stay if they
    were given after the move.
    """
    days = connection.fetch(
        "SELECT SESSION_DATE, COUNT_IF(CHOSEN_AS = :chosen_as AND COALESCE(MOVE, 0) < :move "
        "OR CHOSEN_AS IS NULL AND SCORED_AT < :moved_at) AS OUTDATED FROM SCORES "
        f"WHERE {in_window(SCORES)} AND MODEL_VERSION <> :champion GROUP BY SESSION_DATE ORDER BY SESSION_DATE",
        **window.bounds,
        champion=move.to_version,
        chosen_as=CHAMPION,
        move=move.number,
        moved_at=move.moved_at,
    ).to_pylist()
    windows = []
    for stays, group in groupby(days, key=lambda day: not day["OUTDATED"]):
        if not stays:
            outdated = [day["SESSION_DATE"] for day in group]
            windows.append(Window(outdated[0], outdated[-1] + timedelta(days=1)))
    return windows
