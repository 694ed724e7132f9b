"""What the doctor runs inside a stored procedure. So this module imports neither Dagster nor the probes."""

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from intent_platform.platforms.snowflake.warehouse import BorrowedWarehouse

if TYPE_CHECKING:
    from snowflake.snowpark import Session


def use_rows(session: "Session") -> str:
    """Stage, change and read three rows as the platform's procedures do. The answer is JSON."""
    with BorrowedWarehouse(session.connection, {}).connect() as connection:
        connection.stage("DOCTOR_INSIDE", pa.table({"A": [1, 2, 3]}))
        changed = connection.execute("UPDATE DOCTOR_INSIDE SET A = A + 1 WHERE A > 1")
        read = connection.fetch("SELECT A FROM DOCTOR_INSIDE ORDER BY A")["A"].to_pylist()
    return json.dumps({"changed": changed, "read": read})
