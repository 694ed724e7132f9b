"""Sessions with model features: one SQL select over SOURCE, replaced day by day."""

from intent_platform.partitions import Window
from intent_platform.platforms.ports import Session
from intent_platform.platforms.publish import replace_window
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import DATASET

SELECT = statement_beside(__file__, "dataset.sql")


def build_dataset(session: Session, window: Window) -> int:
    """Replace the sessions of `window` in DATASET by those of SOURCE, in one transaction; how many."""
    return replace_window(session, DATASET, window, SELECT)
