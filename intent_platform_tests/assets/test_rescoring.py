"""Scoring again what an earlier champion scored, without Dagster."""

from collections.abc import Iterator

import pytest

from intent_platform.errors import WarehouseError
from intent_platform.partitions import Window, day_of
from intent_platform.pipeline import rescoring
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform.pipeline.rescoring import Rescoring, recently_outdated, rescore
from intent_platform.platforms.ledger import read_ledger
from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop

FIRST, CHOSEN, LAST = (Window(day_of(f"2024-06-{n:02}"), day_of(f"2024-06-{n + 1:02}")) for n in (10, 11, 12))


@pytest.fixture(scope="module")
def moved(open_crowned_shop: OpenCrownedShop) -> Iterator[Shop]:
    """The champion scored three days, and then moved. Somebody named the version of the day between."""
    with open_crowned_shop() as shop:
        shop.run("training_job", "2024-06-01")
        shop.run("scores_job", FIRST.keys[0], LAST.keys[0])
        named = {"ops": {"scores": {"config": {"model": shop.champion}}}}
        shop.run("scores_job", CHOSEN.keys[0], config=named)
        roll_back_to(shop.platform, shop.platform.registry.version(shop.other), "a rehearsal", run_id="a-run")
        yield shop


def scored_by(shop: Shop, window: Window) -> set[str]:
    return {version for (version,) in shop.rows("SCORES", "MODEL_VERSION", window)}


class TestOutdatedDays:
    @pytest.mark.parametrize(("first_day", "expected"), [(LAST.start, [LAST]), (day_of("2024-07-01"), [])])
    def test_do_not_lie_before_the_first_day(self, moved, first_day, expected):
        with moved.platform.warehouse.connect() as connection:
            latest = read_ledger(connection).latest
            assert latest is not None
            settings = moved.settings.model_copy(update={"first_day": first_day})
            assert recently_outdated(connection, latest, settings) == expected


class TestRescoring:
    """The tests run in order on one shop."""

    @pytest.fixture(scope="class")
    @classmethod
    def failed(cls, moved: Shop) -> Rescoring:
        """Measuring the second window fails."""

        def monitor(platform, window, settings):
            if window == LAST:
                raise WarehouseError("the warehouse went away")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rescoring, "monitor", monitor)
            patch.setattr(rescoring, "score", lambda *_: None)
            return rescore(moved.platform, moved.settings)

    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, moved: Shop, failed: Rescoring) -> Rescoring:
        return rescore(moved.platform, moved.settings)

    def test_names_the_days_that_an_error_left(self, failed):
        assert (failed.done, failed.left) == ((FIRST,), (LAST,))
        assert str(failed.failure) == "the warehouse went away"

    def test_scores_each_outdated_day(self, moved, done):
        assert done == Rescoring(done=(FIRST, LAST))
        assert scored_by(moved, FIRST) == scored_by(moved, LAST) == {moved.champion}

    def test_measures_them(self, moved, done):
        measured = set(moved.rows("MONITORING", "SESSION_DATE, MODEL_VERSION"))
        assert {(window.start, moved.champion) for window in done.done} <= measured

    def test_leaves_the_day_that_somebody_chose(self, moved, done):
        assert scored_by(moved, CHOSEN) == {moved.other}

    def test_finds_nothing_a_second_time(self, moved, done):
        assert rescore(moved.platform, moved.settings) == Rescoring()
