"""A day whose scores a test replaces in one transaction, as a run does."""

from datetime import date, datetime

from intent_platform.partitions import Window
from intent_platform.platforms.loading import replace_window
from intent_platform.platforms.ports import Platform
from intent_platform.tables import SCORES

_DAY = Window(date(2024, 5, 1), date(2024, 5, 2))
_SCORED = (
    "SELECT :uid, :start, 'PURCHASE_INTENT', 'v_240501_100000', 0.5, :at, 'champion', 1 FROM (SELECT 1) ONE "
    "WHERE :start < :end"
)


def replace_scores(platform: Platform, uid: str) -> None:
    """Replace the scores of the day by one of this session."""
    with platform.warehouse.connect(writing=True) as connection:
        replace_window(connection, SCORES, _DAY, _SCORED, uid=uid, at=datetime(2024, 5, 2, 8))  # noqa: DTZ001  wall clock


def scored_uids(platform: Platform) -> list[str]:
    """The sessions of the day that have scores."""
    with platform.warehouse.connect() as connection:
        found: list[str] = connection.fetch("SELECT UID FROM SCORES ORDER BY UID")["UID"].to_pylist()
    return found
