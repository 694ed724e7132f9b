"""Probes of types: what the client makes of the account's numbers, dates and times."""

import json
from datetime import datetime

import pyarrow as pa

from intent_platform.platforms.snowflake.doctor.account import Account
from intent_platform.platforms.snowflake.doctor.probe import Answer, Probe, equals

_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS N" for digit in range(10))
#: 100,000 whole numbers from 0 on, in order, so the chunks of the result have different largest numbers.
_NUMBERS = (
    f"WITH D AS ({_DIGITS}) SELECT A.N * 10000 + B.N * 1000 + C.N * 100 + E.N * 10 + F.N AS N "
    "FROM D A CROSS JOIN D B CROSS JOIN D C CROSS JOIN D E CROSS JOIN D F ORDER BY N"
)
_COUNT = 100_000
_MOMENT = datetime(2024, 1, 2, 3, 4, 5, 123456)  # noqa: DTZ001  a wall-clock time
_TENTH = 0.1


def _widths(account: Account) -> Answer:
    """The types of whole numbers in the chunks of one result, as the client receives them."""
    with account.client.cursor() as cursor:
        cursor.execute(_NUMBERS)
        return sorted({str(chunk.schema.field(0).type) for chunk in cursor.fetch_arrow_batches()})


def _joined(account: Account) -> Answer:
    numbers = account.connection.fetch(_NUMBERS)["N"]
    if numbers.type != pa.int64():
        return str(numbers.type)
    return str(numbers.type) if numbers.to_pylist() == [*range(_COUNT)] else "other numbers"


def _empty_date(account: Account) -> Answer:
    sql = "SELECT SESSION_DATE FROM (SELECT CAST('2024-01-02' AS DATE) AS SESSION_DATE) DAYS WHERE 1 = {}"
    types = [account.connection.fetch(sql.format(number))["SESSION_DATE"].type for number in (0, 1)]
    return "equal" if types[0] == types[1] else " and ".join(map(str, types))


def _moment(account: Account) -> Answer:
    account.run("CREATE OR REPLACE TABLE DOCTOR_MOMENTS (LOADED_AT TIMESTAMP_NTZ)")
    account.connection.execute("INSERT INTO DOCTOR_MOMENTS SELECT :moment", moment=_MOMENT)
    [found] = account.connection.fetch("SELECT LOADED_AT FROM DOCTOR_MOMENTS")["LOADED_AT"].to_pylist()
    return "equal" if found == _MOMENT else f"{found}"


def _variant(account: Account) -> Answer:
    return str(account.value(f"SELECT TO_JSON(OBJECT_CONSTRUCT('A', CAST({_TENTH} AS DOUBLE))) AS RAW"))


def _holds_a_tenth(answer: Answer) -> bool:
    try:
        return bool(json.loads(answer)["A"] == _TENTH)
    except (ValueError, KeyError, TypeError):
        return False


PROBES = (
    Probe("types.integers", "each chunk of a result has its own width of integers", _widths),
    Probe(
        "types.joined_integers",
        "the chunks of a result join as 64-bit integers",
        _joined,
        equals("int64"),
        "report the types of `types.integers`, because platforms/snowflake/results.py makes {answer} of them",
    ),
    Probe(
        "types.empty_dates",
        "an empty result has the same date type as others",
        _empty_date,
        equals("equal"),
        "report the types {answer}, because platforms/snowflake/results.py cannot join them",
    ),
    Probe(
        "types.timestamps",
        "a time keeps its microseconds",
        _moment,
        equals("equal"),
        "report the time {answer}, because the platform compares times to the microsecond",
    ),
    Probe(
        "types.variant_doubles",
        "a DOUBLE in an object keeps its value as text",
        _variant,
        _holds_a_tenth,
        "report the text {answer}, because rejected rows keep their numbers in this form",
    ),
    Probe("types.division", "divisions are made of DOUBLE", lambda account: str(account.value("SELECT 1 / 3 AS N"))),
)
