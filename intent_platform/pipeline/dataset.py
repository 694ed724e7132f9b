"""Sessions with model features: one SQL select over SOURCE, replaced day by day."""

from hashlib import sha256

from intent_platform.partitions import Window
from intent_platform.pipeline.observation import ObservedLoad, ObservedTable, load_observed_window
from intent_platform.platforms.loading import LoadCounts, replace_window
from intent_platform.platforms.ports import Connection
from intent_platform.platforms.sql import statement_beside
from intent_platform.tables import DATASET

SELECT = statement_beside(__file__, "dataset.sql")
#: Changes with every column of DATASET, since the SELECT names each one.
CODE_VERSION = sha256(SELECT.encode()).hexdigest()[:12]


def build_dataset(connection: Connection, window: Window, observed: ObservedTable | None = None) -> ObservedLoad:
    """Replace the sessions of `window` in DATASET, in one transaction, by those of SOURCE or of the observed table.

    Raises:
        FeedError, WarehouseError: the observed table cannot be read.
    """
    if observed is not None:
        return load_observed_window(connection, observed, window, SELECT)
    rows = replace_window(connection, DATASET, window, SELECT)
    return ObservedLoad(LoadCounts(rows, rows, 0), {})
