"""Runs statements inside a stored procedure, on the connection of its caller.

A procedure cannot upload files, because Snowflake refuses PUT there. Its rows are few, and statements carry them.
"""

import pyarrow as pa

from intent_platform.platforms.snowflake.connection import SnowflakeConnection
from intent_platform.platforms.sql import literal

_ROWS = 200  # of a statement, whose text Snowflake limits to 1 MB


class ProcedureConnection(SnowflakeConnection):
    """The connection of a stored procedure. Its temporary tables outlive the call, because the session does."""

    def _append(self, name: str, batch: pa.Table) -> None:
        """Append rows as literals."""
        names = ", ".join(f'"{name}"' for name in batch.column_names)
        for part in batch.to_batches(max_chunksize=_ROWS):
            selects = [
                f"SELECT {', '.join(literal(value, 'snowflake') for value in row.values())}" for row in part.to_pylist()
            ]
            self.execute(f"INSERT INTO {name} ({names}) {' UNION ALL '.join(selects)}")
