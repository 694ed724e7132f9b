"""Sessions with model features: one SQL select over SOURCE, replaced day by day."""

from intent_platform.partitions import Window
from intent_platform.pipeline.observation import Observed, Taken, take_window
from intent_platform.platforms.ports import Session
from intent_platform.platforms.publish import LoadCounts, replace_window
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import DATASET

SELECT = statement_beside(__file__, "dataset.sql")


def build_dataset(session: Session, window: Window, observed: Observed | None = None) -> Taken:
    """Replace the sessions of `window` in DATASET, in one transaction, by those of SOURCE or of the observed table.

    Raises:
        FeedError, WarehouseError: the observed table cannot be read.
    """
    if observed is not None:
        return take_window(session, observed, window, SELECT)
    rows = replace_window(session, DATASET, window, SELECT)
    return Taken(LoadCounts(rows, rows, 0), {})
