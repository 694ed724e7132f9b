from datetime import timedelta
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from intent_platform.errors import SettingsError
from intent_platform.partitions import Window
from intent_platform.platforms.loading import load_sessions
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.sessions.contract import validate
from intent_platform.sessions.simulated import scenarios
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.sessions.simulated.scenarios import scenario_of
from intent_platform.settings.feeds import ScenarioSettings
from intent_platform_tests.builders.simulated import DAY, day_of, feed_of, rows_of

BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
KINDS = sorted(scenarios._KINDS)


def under(kind: str, strength: float = 1.0, sessions_per_day: int = 3_000, **given: Any) -> SimulatedFeed:
    set_to = ScenarioSettings.model_validate({"kind": kind, "start": DAY, "strength": strength})
    return feed_of(sessions_per_day=sessions_per_day, scenario=scenario_of(set_to), **given)


def plain(sessions_per_day: int = 3_000) -> SimulatedFeed:
    return feed_of(sessions_per_day=sessions_per_day)


def conversion(rows: pa.Table) -> float:
    return float(np.mean(rows["REVENUE"].to_numpy(zero_copy_only=False)))


def value_of_pagevalues(rows: pa.Table) -> float:
    """How much more of the sessions with a page value buy than of the others."""
    has = pc.greater(rows["PAGEVALUES"], 0)
    return conversion(rows.filter(has)) - conversion(rows.filter(pc.invert(has)))


def loaded(feed: SimulatedFeed, window: Window, path) -> tuple[int, int]:
    """Accepted and rejected rows of a load into a new warehouse."""
    warehouse = DuckDBWarehouse(path=str(path / "warehouse.duckdb"), timeout_seconds=1, memory_gb=2)
    with warehouse.connect(writing=True) as connection, feed.deliver(window) as batches:
        counts = load_sessions(
            connection,
            window,
            (validate(batch, feed.accepted_days()) for batch in batches),
            feed="simulated",
            replacing=True,
            undated=window.start,
            at=pa.scalar(0, pa.timestamp("s")).as_py(),
        )
    return counts.accepted, counts.rejected


def test_every_kind_that_can_be_set_exists():
    settable = [kind for part in get_args(ScenarioSettings.model_fields["kind"].annotation) for kind in get_args(part)]
    assert sorted(settable or get_args(ScenarioSettings.model_fields["kind"].annotation)) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_before_its_start_a_scenario_changes_nothing(kind):
    assert day_of(under(kind), BEFORE).equals(day_of(plain(), BEFORE))


@pytest.mark.parametrize("kind", KINDS)
def test_a_scenario_is_deterministic(kind):
    window = Window(DAY, DAY + timedelta(days=2))
    assert rows_of(under(kind), window).equals(rows_of(under(kind), window))


def test_without_a_start_only_nothing_can_happen(make_settings):
    assert make_settings().simulated.scenario.kind == "none"
    with pytest.raises(SettingsError, match="missing_day needs a start"):
        make_settings(simulated={"scenario": {"kind": "missing_day"}})


def test_a_drift_grows_day_by_day():
    feed = under("gradual_drift", sessions_per_day=20_000)
    begin, half, end = (day_of(feed, DAY + timedelta(days=days)) for days in (0, 89, 179))
    pace = [
        pc.mean(rows["PRODUCTRELATED_DURATION"]).as_py() / pc.mean(rows["PRODUCTRELATED"]).as_py()
        for rows in (begin, half, end)
    ]
    assert pace[0] > 1.2 * pace[1] > 1.4 * pace[2]
    assert conversion(end) < 0.6 * conversion(day_of(plain(20_000), DAY + timedelta(days=179)))
    assert value_of_pagevalues(end) < 0.6 * value_of_pagevalues(begin)


def test_pagevalues_lose_their_meaning_but_not_their_distribution():
    ours, theirs = day_of(under("meaningless_pagevalues", sessions_per_day=20_000)), day_of(plain(20_000))
    assert value_of_pagevalues(theirs) > 0.3
    assert abs(value_of_pagevalues(ours)) < 0.05
    assert sorted(ours["PAGEVALUES"].to_pylist()) == sorted(theirs["PAGEVALUES"].to_pylist())
    assert ours["REVENUE"].equals(theirs["REVENUE"])


def test_a_new_traffic_source_brings_its_share_of_sessions_and_fewer_purchases():
    rows = day_of(under("new_traffic_source", strength=0.3, sessions_per_day=20_000))
    new = pc.equal(rows["TRAFFICTYPE"], scenarios.NEW_TRAFFIC_TYPE)
    assert pc.mean(pc.cast(new, pa.float64())).as_py() == pytest.approx(0.3, abs=0.02)
    assert conversion(rows.filter(new)) < 0.7 * conversion(rows.filter(pc.invert(new)))


def test_a_browser_release_renames_and_changes_nothing_else():
    ours, theirs = day_of(under("browser_release", strength=0.5)), day_of(plain())
    changed = pc.not_equal(ours["BROWSER"], theirs["BROWSER"])
    assert set(ours.filter(changed)["BROWSER"].to_pylist()) == {scenarios.NEW_BROWSER}
    assert set(theirs.filter(changed)["BROWSER"].to_pylist()) == {scenarios.RELEASED_BROWSER}
    assert ours.drop_columns("BROWSER").equals(theirs.drop_columns("BROWSER"))


@pytest.mark.parametrize(("kind", "column"), [("empty_cells", "PAGEVALUES"), ("stuck_counter", "PRODUCTRELATED")])
def test_broken_cells_are_rejected_by_the_contract_and_named(kind, column):
    feed = under(kind, strength=0.4)
    with feed.deliver(Window(DAY, AFTER)) as batches:
        validated = validate(next(batches), feed.accepted_days())
    total = validated.accepted.num_rows + validated.rejected.num_rows
    assert total == day_of(plain()).num_rows
    assert validated.rejected.num_rows / total == pytest.approx(0.4, abs=0.05)
    assert all(column in reasons for reasons in validated.rejected["REASONS"].to_pylist())


def test_a_doubled_file_is_accepted_once(tmp_path):
    once = day_of(plain(200), DAY).num_rows
    assert loaded(under("doubled_file", sessions_per_day=200), Window(DAY, AFTER), tmp_path) == (once, once)


def test_a_repeated_day_is_noticed_when_both_days_are_loaded_together(tmp_path):
    first, second = (day_of(plain(200), day).num_rows for day in (DAY, AFTER))
    feed = under("repeated_day", sessions_per_day=200)
    assert loaded(feed, Window(DAY, AFTER + timedelta(days=1)), tmp_path) == (first + second, first)
    assert set(day_of(feed, AFTER)["SESSION_DATE"].to_pylist()) == {DAY, AFTER}


def test_a_missing_day_is_missing_and_no_other():
    feed = under("missing_day")
    with feed.deliver(Window(DAY, AFTER)) as batches:
        assert not list(batches)
    assert rows_of(feed, Window(BEFORE, AFTER + timedelta(days=1))).num_rows == sum(
        day_of(plain(), day).num_rows for day in (BEFORE, AFTER)
    )


def test_late_rows_are_announced_and_come_later():
    whole = day_of(plain())
    asked: dict[int, SimulatedFeed] = {
        days: under("late_rows", strength=0.25, today=lambda days=days: DAY + timedelta(days=days))
        for days in range(1, 6)
    }
    early = day_of(asked[1])
    assert early.num_rows / whole.num_rows == pytest.approx(0.75, abs=0.03)
    assert set(early["UID"].to_pylist()) < set(whole["UID"].to_pylist())
    for days, feed in asked.items():
        complete = days > scenarios.LATE_DAYS
        assert day_of(feed).equals(whole if complete else early)
        assert len(feed.deferred(Window(DAY, AFTER))) == (not complete)


def test_a_peak_is_a_week_of_more_sessions_and_readier_buyers():
    feed, usual = under("seasonal_peak", sessions_per_day=5_000), plain(5_000)
    highest = DAY + timedelta(days=scenarios.PEAK_DAYS // 2)
    assert day_of(feed, highest).num_rows > 4 * day_of(usual, highest).num_rows
    assert conversion(day_of(feed, highest)) > 1.1 * conversion(day_of(usual, highest))
    after = DAY + timedelta(days=scenarios.PEAK_DAYS)
    assert day_of(feed, after).num_rows == day_of(usual, after).num_rows
