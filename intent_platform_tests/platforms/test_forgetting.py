"""Forgetting a visitor in the tables, on every platform."""

from datetime import date, datetime

import pyarrow as pa
import pytest

from intent_platform.errors import UnknownVisitor
from intent_platform.partitions import Window
from intent_platform.pipeline.dataset import refill_dataset
from intent_platform.pipeline.forgetting import forget_rows, rows_naming, validated_uid
from intent_platform.platforms.loading import load_sessions, replace_window
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.tables import SCORES
from intent_platform_tests.builders.sessions import landing_rows

DAY = Window(date(2024, 7, 1), date(2024, 7, 2))
AT = datetime(2024, 7, 2, 5)  # noqa: DTZ001  wall clock
FEED = SimulatedFeed(seed=0, sessions_per_day=10, first_day=DAY.start)
SCORED = (
    "SELECT UID, SESSION_DATE, 'PURCHASE_INTENT', 'v_240701_000000', 0.5, :at, 'champion', 1 FROM SOURCE "
    "WHERE SESSION_DATE >= :start AND SESSION_DATE < :end"
)


@pytest.fixture
def visitor(platform: Platform) -> str:
    """One of ten visitors with a session in every table, and another session that was rejected in capital letters."""
    rows = landing_rows(DAY.start, 10)
    uid = str(rows["UID"][0])
    broken = rows.slice(0, 1).set_column(rows.column_names.index("UID"), "UID", pa.array([uid.upper()]))
    broken = broken.set_column(rows.column_names.index("REGION"), "REGION", pa.array(["nowhere"]))
    batch = validate(RawBatch(pa.concat_tables([rows, broken]), "a.csv"), DAY)
    with platform.warehouse.connect(writing=True) as connection:
        load_sessions(connection, DAY, [batch], feed="landing", replacing=False, undated=DAY.start, at=AT)
        refill_dataset(connection, DAY, FEED)
        replace_window(connection, SCORES, DAY, SCORED, at=AT)
    return uid


class TestForgottenVisitor:
    def test_has_no_row_in_any_table(self, platform, visitor):
        everywhere = {"SOURCE": 1, "SOURCE_REJECTED": 1, "DATASET": 1, "SCORES": 1}
        assert rows_naming(platform, visitor) == everywhere
        assert {name: rows for name, rows in forget_rows(platform, visitor).items() if rows} == everywhere
        assert rows_naming(platform, visitor) == {}

    def test_takes_no_other_visitor_along(self, platform, visitor):
        forget_rows(platform, visitor)
        with platform.warehouse.connect() as connection:
            for table in ("SOURCE", "DATASET", "SCORES"):
                assert connection.value(f"SELECT COUNT(*) AS COUNTED FROM {table}") == 9


class TestUid:
    def test_is_compared_in_lower_case(self):
        uid = "ABCDEFAB-0000-4000-8000-00000000000F"
        assert validated_uid(f" {uid} ") == uid.lower()

    @pytest.mark.parametrize("text", ["", "%", "a visitor", "abcdefab-0000-4000-8000-00000000000"])
    def test_is_a_uuid(self, text):
        with pytest.raises(UnknownVisitor, match="give a UUID"):
            validated_uid(text)
