"""What each scenario changes in the simulated sessions, and what it leaves alone."""

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
from intent_platform.sessions.contract import ValidatedBatch, validate
from intent_platform.sessions.simulated import scenarios
from intent_platform.sessions.simulated.feed import SimulatedFeed
from intent_platform.sessions.simulated.scenarios import scenario_of
from intent_platform.settings.feeds import ScenarioSettings
from intent_platform_tests.builders.simulated import DAY, day_of, feed_of, rows_of

BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
KINDS = sorted(scenarios._KINDS)


def under(kind: str, strength: float = 1.0, sessions_per_day: int = 3_000, **given: Any) -> SimulatedFeed:
    """A feed with a scenario that starts on `DAY`."""
    scenario = ScenarioSettings.model_validate({"kind": kind, "start": DAY, "strength": strength})
    return feed_of(sessions_per_day=sessions_per_day, scenario=scenario_of(scenario), **given)


def plain(sessions_per_day: int = 3_000) -> SimulatedFeed:
    """The same feed without a scenario."""
    return feed_of(sessions_per_day=sessions_per_day)


def conversion(rows: pa.Table) -> float:
    """The share of sessions with a purchase."""
    return float(np.mean(rows["REVENUE"].to_numpy(zero_copy_only=False)))


def effect_of_pagevalues(rows: pa.Table) -> float:
    """The conversion of sessions with a page value, minus that of the others."""
    has_value = pc.greater(rows["PAGEVALUES"], 0)
    return conversion(rows.filter(has_value)) - conversion(rows.filter(pc.invert(has_value)))


class TestKinds:
    def test_every_kind_of_the_settings_exists(self):
        annotation = ScenarioSettings.model_fields["kind"].annotation
        settable = [kind for part in get_args(annotation) for kind in get_args(part)]
        assert sorted(settable or get_args(annotation)) == KINDS

    def test_none_is_the_default(self, make_settings):
        assert make_settings().simulated.scenario.kind == "none"

    def test_any_other_needs_a_start(self, make_settings):
        with pytest.raises(SettingsError, match="missing_day needs a start"):
            make_settings(simulated={"scenario": {"kind": "missing_day"}})


@pytest.mark.parametrize("kind", KINDS)
class TestEveryScenario:
    def test_changes_nothing_before_its_start(self, kind):
        assert day_of(under(kind), BEFORE).equals(day_of(plain(), BEFORE))

    def test_is_deterministic(self, kind):
        window = Window(DAY, DAY + timedelta(days=2))
        assert rows_of(under(kind), window).equals(rows_of(under(kind), window))


class TestGradualDrift:
    @pytest.fixture(scope="class")
    @classmethod
    def days(cls) -> list[pa.Table]:
        """The first day, the middle and the last day of the drift."""
        feed = under("gradual_drift", sessions_per_day=20_000)
        return [day_of(feed, DAY + timedelta(days=days)) for days in (0, 89, 179)]

    def test_makes_visitors_faster_day_by_day(self, days):
        pace = [
            pc.mean(rows["PRODUCTRELATED_DURATION"]).as_py() / pc.mean(rows["PRODUCTRELATED"]).as_py() for rows in days
        ]
        assert pace[0] > 1.2 * pace[1] > 1.4 * pace[2]

    def test_makes_purchases_rarer(self, days):
        assert conversion(days[-1]) < 0.6 * conversion(day_of(plain(20_000), DAY + timedelta(days=179)))

    def test_makes_pagevalues_less_predictive(self, days):
        assert effect_of_pagevalues(days[-1]) < 0.6 * effect_of_pagevalues(days[0])


class TestMeaninglessPagevalues:
    @pytest.fixture(scope="class")
    @classmethod
    def changed(cls) -> pa.Table:
        return day_of(under("meaningless_pagevalues", sessions_per_day=20_000))

    @pytest.fixture(scope="class")
    @classmethod
    def usual(cls) -> pa.Table:
        return day_of(plain(20_000))

    def test_make_pagevalues_useless(self, changed, usual):
        assert effect_of_pagevalues(usual) > 0.3
        assert abs(effect_of_pagevalues(changed)) < 0.05

    def test_keep_the_distribution_and_the_purchases(self, changed, usual):
        assert sorted(changed["PAGEVALUES"].to_pylist()) == sorted(usual["PAGEVALUES"].to_pylist())
        assert changed["REVENUE"].equals(usual["REVENUE"])


class TestNewTrafficSource:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls) -> pa.Table:
        return day_of(under("new_traffic_source", strength=0.3, sessions_per_day=20_000))

    def test_has_its_share_of_sessions(self, rows):
        is_new = pc.equal(rows["TRAFFICTYPE"], scenarios.NEW_TRAFFIC_TYPE)
        assert pc.mean(pc.cast(is_new, pa.float64())).as_py() == pytest.approx(0.3, abs=0.02)

    def test_has_fewer_purchases(self, rows):
        is_new = pc.equal(rows["TRAFFICTYPE"], scenarios.NEW_TRAFFIC_TYPE)
        assert conversion(rows.filter(is_new)) < 0.7 * conversion(rows.filter(pc.invert(is_new)))


class TestBrowserRelease:
    def test_renames_the_browser_and_changes_nothing_else(self):
        renamed, usual = day_of(under("browser_release", strength=0.5)), day_of(plain())
        is_changed = pc.not_equal(renamed["BROWSER"], usual["BROWSER"])
        assert set(renamed.filter(is_changed)["BROWSER"].to_pylist()) == {scenarios.NEW_BROWSER}
        assert set(usual.filter(is_changed)["BROWSER"].to_pylist()) == {scenarios.RELEASED_BROWSER}
        assert renamed.drop_columns("BROWSER").equals(usual.drop_columns("BROWSER"))


@pytest.mark.parametrize(("kind", "column"), [("empty_cells", "PAGEVALUES"), ("stuck_counter", "PRODUCTRELATED")])
class TestBrokenCells:
    def validated(self, kind: str) -> ValidatedBatch:
        feed = under(kind, strength=0.4)
        with feed.deliver(Window(DAY, AFTER)) as batches:
            return validate(next(batches), feed.accepted_days())

    def test_make_the_contract_reject_their_share_of_rows(self, kind, column):
        validated = self.validated(kind)
        received = validated.accepted.num_rows + validated.rejected.num_rows
        assert received == day_of(plain()).num_rows
        assert validated.rejected.num_rows / received == pytest.approx(0.4, abs=0.05)

    def test_are_named_in_the_reasons(self, kind, column):
        assert all(column in reasons for reasons in self.validated(kind).rejected["REASONS"].to_pylist())


class TestRowsThatArriveTwice:
    def loaded(self, feed: SimulatedFeed, window: Window, path) -> tuple[int, int]:
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

    def test_in_a_doubled_file_are_accepted_once(self, tmp_path):
        once = day_of(plain(200), DAY).num_rows
        assert self.loaded(under("doubled_file", sessions_per_day=200), Window(DAY, AFTER), tmp_path) == (once, once)

    def test_on_a_repeated_day_are_rejected_by_a_common_load(self, tmp_path):
        """The repetition shows only when one load has both days."""
        first, second = (day_of(plain(200), day).num_rows for day in (DAY, AFTER))
        feed = under("repeated_day", sessions_per_day=200)
        assert self.loaded(feed, Window(DAY, AFTER + timedelta(days=1)), tmp_path) == (first + second, first)
        assert set(day_of(feed, AFTER)["SESSION_DATE"].to_pylist()) == {DAY, AFTER}


class TestMissingDay:
    def test_has_no_batches(self):
        with under("missing_day").deliver(Window(DAY, AFTER)) as batches:
            assert not list(batches)

    def test_leaves_the_neighbouring_days(self):
        rows = rows_of(under("missing_day"), Window(BEFORE, AFTER + timedelta(days=1)))
        assert rows.num_rows == sum(day_of(plain(), day).num_rows for day in (BEFORE, AFTER))


class TestLateRows:
    def feed_on(self, days_later: int) -> SimulatedFeed:
        """The feed when `DAY` was so many days ago."""
        return under("late_rows", strength=0.25, today=lambda: DAY + timedelta(days=days_later))

    def test_are_a_share_of_the_day(self):
        whole, early = day_of(plain()), day_of(self.feed_on(1))
        assert early.num_rows / whole.num_rows == pytest.approx(0.75, abs=0.03)
        assert set(early["UID"].to_pylist()) < set(whole["UID"].to_pylist())

    @pytest.mark.parametrize("days_later", range(1, 6))
    def test_are_announced_until_they_arrive(self, days_later):
        feed = self.feed_on(days_later)
        is_complete = days_later > scenarios.LATE_DAYS
        assert day_of(feed).equals(day_of(plain() if is_complete else self.feed_on(1)))
        assert len(feed.deferred(Window(DAY, AFTER))) == (not is_complete)


class TestSeasonalPeak:
    highest_day = DAY + timedelta(days=scenarios.PEAK_DAYS // 2)
    day_after = DAY + timedelta(days=scenarios.PEAK_DAYS)

    @pytest.fixture(scope="class")
    @classmethod
    def at_the_peak(cls) -> tuple[pa.Table, pa.Table]:
        """The sessions of the highest day, and those without the scenario."""
        feed = under("seasonal_peak", sessions_per_day=5_000)
        return day_of(feed, cls.highest_day), day_of(plain(5_000), cls.highest_day)

    def test_has_many_more_sessions(self, at_the_peak):
        peak, usual = at_the_peak
        assert peak.num_rows > 4 * usual.num_rows

    def test_has_more_purchases_per_session(self, at_the_peak):
        peak, usual = at_the_peak
        assert conversion(peak) > 1.1 * conversion(usual)

    def test_ends_after_a_week(self):
        feed = under("seasonal_peak", sessions_per_day=5_000)
        assert day_of(feed, self.day_after).num_rows == day_of(plain(5_000), self.day_after).num_rows
