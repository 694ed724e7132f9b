from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

from intent_platform.partitions import Window
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.simulated.seasons import closeness
from intent_platform.sessions.simulated.sessions import BLOCK_ROWS
from intent_platform_tests.builders.simulated import DAY, FIRST_DAY, TODAY, day_of, feed_of, rows_of

WEEK = Window(DAY, DAY + timedelta(days=7))


def keys(rows: pa.Table) -> list[tuple[str, date]]:
    return list(zip(rows["UID"].to_pylist(), rows["SESSION_DATE"].to_pylist(), strict=True))


def share(rows: pa.Table, condition: pa.ChunkedArray) -> float:
    return float(np.mean(rows.filter(condition)["REVENUE"].to_numpy(zero_copy_only=False)))


def test_a_day_is_the_same_whenever_and_with_whatever_it_is_asked_for():
    backwards = [rows_of(feed_of(), Window(day, day + timedelta(days=1))) for day in reversed(list(WEEK))]
    together = rows_of(feed_of(), WEEK)
    assert pa.concat_tables(backwards[::-1]).equals(together)
    assert rows_of(feed_of(today=lambda: TODAY + timedelta(days=90)), WEEK).equals(together)
    assert rows_of(feed_of(first_day=FIRST_DAY - timedelta(days=500)), WEEK).equals(together)


def test_another_seed_brings_other_visitors_and_other_sessions():
    ours, theirs = day_of(feed_of()), day_of(feed_of(seed=2))
    assert not set(ours["UID"].to_pylist()) & set(theirs["UID"].to_pylist())
    n = min(ours.num_rows, theirs.num_rows)
    columns = ["PRODUCTRELATED_DURATION", "EXITRATES"]
    assert not ours.select(columns).slice(0, n).equals(theirs.select(columns).slice(0, n))


def test_the_rows_of_a_day_do_not_depend_on_the_size_of_a_batch():
    small, large = (feed_of(sessions_per_day=150_000, blocks_per_batch=blocks) for blocks in (1, 8))
    with small.deliver(Window(DAY, DAY + timedelta(days=1))) as batches:
        sizes = [batch.rows.num_rows for batch in batches]
    assert len(sizes) > 1
    assert max(sizes) == BLOCK_ROWS
    assert day_of(small).equals(day_of(large))


@pytest.mark.parametrize("sessions_per_day", [10, 3_000])
def test_keys_are_unique_and_visitors_return(sessions_per_day):
    rows = rows_of(feed_of(sessions_per_day=sessions_per_day), Window(DAY, DAY + timedelta(days=30)))
    assert len(set(keys(rows))) == rows.num_rows
    assert len(set(rows["UID"].to_pylist())) < rows.num_rows


def test_a_new_visitor_was_never_here_and_a_returning_one_was():
    rows = rows_of(feed_of(sessions_per_day=400), Window(FIRST_DAY, FIRST_DAY + timedelta(days=200)))
    last_days = rows.filter(pc.greater_equal(rows["SESSION_DATE"], FIRST_DAY + timedelta(days=180)))
    first_visit: dict[str, date] = {}
    for uid, day in keys(rows):
        first_visit.setdefault(uid, day)
    for uid, day, kind in zip(
        *(last_days[name].to_pylist() for name in ("UID", "SESSION_DATE", "VISITORTYPE")), strict=True
    ):
        assert (first_visit[uid] == day) == (kind != "Returning_Visitor")


def test_the_contract_accepts_every_row():
    feed = feed_of()
    year = Window(FIRST_DAY, FIRST_DAY + timedelta(days=366))
    with feed.deliver(year) as batches:
        for batch in batches:
            validated = validate(batch, feed.accepted_days())
            assert validated.rejected.num_rows == 0
            assert validated.accepted.num_rows == batch.rows.num_rows


def test_rows_are_consistent_in_themselves():
    rows = rows_of(feed_of(sessions_per_day=20_000), Window(DAY, DAY + timedelta(days=3)))
    for pages in ("ADMINISTRATIVE", "INFORMATIONAL", "PRODUCTRELATED"):
        unseen = rows.filter(pc.equal(rows[pages], 0))
        assert pc.max(unseen[f"{pages}_DURATION"]).as_py() == 0
    assert pc.all(pc.less_equal(rows["BOUNCERATES"], rows["EXITRATES"])).as_py()
    for day, month, weekend in zip(
        *(rows[name].to_pylist()[:: len(rows) // 50] for name in ("SESSION_DATE", "MONTH", "WEEKEND")), strict=True
    ):
        assert (month, weekend) == ("May", day.weekday() >= 5)


def test_the_future_is_not_delivered_and_the_extent_ends_yesterday():
    feed = feed_of(today=lambda: DAY)
    assert feed.extent() == feed.accepted_days() == Window(FIRST_DAY, DAY)
    assert pc.unique(
        rows_of(feed, Window(DAY - timedelta(days=1), DAY + timedelta(days=5)))["SESSION_DATE"]
    ).to_pylist() == [DAY - timedelta(days=1)]
    assert not [*iter_of(feed, Window(DAY, DAY + timedelta(days=5)))]
    assert not [*iter_of(feed, Window(FIRST_DAY - timedelta(days=5), FIRST_DAY))]
    assert len(feed_of(today=lambda: FIRST_DAY - timedelta(days=9)).extent()) == 0


def iter_of(feed, window) -> list[RawBatch]:
    with feed.deliver(window) as batches:
        return list(batches)


@pytest.mark.parametrize("sessions_per_day", [10, 1_000, 30_000])
def test_the_volume_is_what_is_set_on_average_over_a_year(sessions_per_day):
    feed = feed_of(sessions_per_day=sessions_per_day)
    counted = [feed._mix(day).sessions for day in Window(date(2025, 1, 1), date(2026, 1, 1))]
    assert np.mean(counted) == pytest.approx(sessions_per_day, rel=0.03)
    assert day_of(feed).num_rows == feed._mix(DAY).sessions


def test_special_days_are_those_of_the_calendar():
    assert closeness(date(2025, 2, 8)) == 5
    assert [closeness(date(2025, 2, day)) > 0 for day in (1, 2, 12, 13)] == [False, True, True, False]
    assert closeness(date(2025, 5, 5)) == 5  # Mother's Day is the 11th
    assert closeness(date(2025, 9, 5)) == 0


def test_the_relations_that_a_model_lives_on_are_there():
    rows = rows_of(feed_of(sessions_per_day=20_000), Window(date(2025, 11, 3), date(2025, 11, 6)))
    value = rows["PAGEVALUES"]
    assert share(rows, pc.equal(value, 0)) < 0.15 < 0.5 < share(rows, pc.greater(value, 5))
    assert share(rows, pc.equal(rows["BOUNCERATES"], 0.2)) < 0.05
    assert 0.22 < share(rows, pc.is_valid(value)) < 0.29  # November: .254 in UCI
    february = rows_of(feed_of(sessions_per_day=20_000), Window(date(2025, 2, 17), date(2025, 2, 19)))
    assert share(february, pc.is_valid(february["PAGEVALUES"])) < 0.06  # .016 in UCI, from 3 purchases


#: Means of the UCI file over all sessions: simulated ones, months mixed as in UCI, must come close.
UCI_MEANS = {
    "ADMINISTRATIVE": 2.315,
    "INFORMATIONAL": 0.504,
    "PRODUCTRELATED": 31.73,
    "PRODUCTRELATED_DURATION": 1194.7,
    "BOUNCERATES": 0.0222,
    "EXITRATES": 0.0431,
    "PAGEVALUES": 5.889,
}
UCI_SESSIONS = {2: 184, 3: 1907, 5: 3364, 6: 288, 7: 432, 8: 433, 9: 448, 10: 549, 11: 2998, 12: 1727}


@pytest.fixture(scope="module")
def months():
    """Eight days of each month that UCI has."""
    feed = feed_of(sessions_per_day=1_500)
    return {month: rows_of(feed, Window(date(2025, month, 7), date(2025, month, 15))) for month in UCI_SESSIONS}


@pytest.mark.parametrize("name", UCI_MEANS)
def test_means_are_those_of_uci(months, name):
    weighted = [sessions * pc.mean(months[month][name]).as_py() for month, sessions in UCI_SESSIONS.items()]
    assert sum(weighted) / sum(UCI_SESSIONS.values()) == pytest.approx(UCI_MEANS[name], rel=0.15)


def test_no_real_session_is_among_them(uci_csv, months):
    real = csv.read_csv(uci_csv)
    names = ["Administrative_Duration", "Informational_Duration", "ProductRelated_Duration", "ExitRates", "PageValues"]

    def told(rows: pa.Table, columns: list[str]) -> set[tuple[float, ...]]:
        """All continuous attributes of the sessions that have any value in time and page value."""
        cells = np.stack([rows[name].to_numpy().round(3) for name in columns], axis=1)
        return set(map(tuple, cells[(cells[:, 2] > 0) & (cells[:, 4] > 0)]))

    simulated = pa.concat_tables(months.values())
    assert not told(real, names) & told(simulated, [name.upper() for name in names])
