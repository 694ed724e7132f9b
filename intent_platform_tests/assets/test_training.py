"""Training: the window of a challenger, the sample of a large one, and windows that carry no model."""

import numpy as np
import pyarrow as pa
import pytest

from intent_platform.errors import TrainingRefused
from intent_platform.partitions import Window, day_of, training_window
from intent_platform.pipeline.training import training_rows
from intent_platform_tests.assets.conftest import MONTHS, OpenCrownedShop


class TestChallenger:
    def test_knows_its_window_and_its_sessions(self, shop):
        provenance = shop.platform.registry.version(shop.champion).provenance
        assert provenance.training_window == Window(day_of("2024-02-01"), day_of("2024-05-01"))
        assert provenance.sessions == MONTHS["Feb"] + MONTHS["Mar"]

    @pytest.mark.parametrize(
        ("month", "why"),
        [
            pytest.param("2024-02-01", "no sessions", id="without sessions"),
            pytest.param("2024-03-01", "purchases", id="without purchases"),
        ],
    )
    def test_is_refused_when_its_window_carries_no_model(self, shop, month, why):
        champion = shop.champion
        with shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("UPDATE DATASET SET REVENUE = 0 WHERE SESSION_DATE < :march", march=day_of("2024-03-01"))
        with pytest.raises(TrainingRefused, match=f"{month[:7]}.*{why}"):
            shop.run("training_job", month)
        assert shop.champion == champion
        assert [version.name for version in shop.platform.registry.versions()] == [champion]


def share_of_purchases(rows: pa.Table) -> float:
    return float(np.mean(rows["REVENUE"].to_numpy()))


def sessions_of(rows: pa.Table) -> set[str]:
    return set(rows["UID"].to_pylist())


class TestSample:
    """A window with more sessions than `training.max_sessions` is sampled."""

    CAP = 300

    @pytest.fixture(scope="class")
    @classmethod
    def draw(cls, open_crowned_shop: OpenCrownedShop):
        """Read the rows of a window of three months, with changes of the training settings."""
        with open_crowned_shop() as shop, shop.platform.warehouse.connect() as connection:

            def draw(**changes: object) -> pa.Table:
                settings = shop.settings.training.model_copy(update=changes)
                return training_rows(connection, training_window("2024-06-01", 3), settings)

            yield draw

    def test_has_as_many_sessions_as_the_cap(self, draw):
        assert 298 <= draw(max_sessions=self.CAP).num_rows <= self.CAP < draw().num_rows

    def test_is_the_whole_window_below_the_cap(self, draw):
        assert draw(max_sessions=10_000).num_rows == draw().num_rows

    def test_keeps_the_share_of_purchases(self, draw):
        sample, window = draw(max_sessions=self.CAP), draw()
        assert share_of_purchases(sample) == pytest.approx(share_of_purchases(window), abs=0.005)

    def test_is_the_same_every_time(self, draw):
        first, second = (sessions_of(draw(max_sessions=self.CAP)) for _ in range(2))
        assert first == second <= sessions_of(draw())

    def test_changes_with_the_seed(self, draw):
        assert sessions_of(draw(max_sessions=self.CAP)) != sessions_of(draw(max_sessions=self.CAP, seed=1))
