import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

import bench.quality
import bench.search
from bench.intervals import Judged, difference, replicates
from bench.rolling import Splits, rolling_splits
from bench.sessions import bench_settings, dataset_rows
from intent_platform.partitions import Window
from intent_platform_tests.builders.sessions import write_uci_csv

DOCUMENT = Path(bench.quality.__file__).parents[1] / "docs" / "quality.md"
ROWS_PER_MONTH = {"Feb": 40, "Mar": 150, "May": 200, "June": 120, "Oct": 60, "Nov": 150, "Dec": 120}


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_uci_csv(tmp_path_factory.mktemp("uci") / "sessions.csv", ROWS_PER_MONTH)


class TestScripts:
    @pytest.fixture
    def page(self, tmp_path: Path) -> Path:
        """The page docs/quality.md without its tables."""
        empty = re.sub(r"(<!-- (\S+) -->\n).*?(<!-- /\2 -->)", r"\1\3", DOCUMENT.read_text(), flags=re.DOTALL)
        (tmp_path / "quality.md").write_text(empty)
        return tmp_path / "quality.md"

    @pytest.fixture
    def options(self, csv: Path, page: Path) -> list[str]:
        return ["--quick", "--csv", str(csv), "--document", str(page), "--store", str(page.with_name("store"))]

    def filled_tables(self, page: Path) -> set[str]:
        return set(re.findall(r"<!-- ([a-z-]+) -->\n\n\|.*\|\n\| ---", page.read_text()))

    def test_search_fills_its_table(self, options, page):
        bench.search.main(options)
        assert self.filled_tables(page) == {"search"}

    def test_quality_fills_all_other_tables(self, options, page):
        tables = set(re.findall(r"<!-- ([a-z-]+) -->", page.read_text()))
        bench.quality.main(options)
        assert self.filled_tables(page) == tables - {"search"}

    def test_a_second_run_trains_nothing(self, options, page, monkeypatch):
        bench.quality.main([*options, "--only", "rolling"])
        first = page.read_text()
        monkeypatch.setattr("intent_platform.modelling.training.train", None)
        monkeypatch.setattr("bench.runs.score", None)
        bench.quality.main([*options, "--only", "rolling"])
        assert page.read_text() == first


class TestRollingSplits:
    @pytest.fixture(scope="class")
    @classmethod
    def splits(cls, csv: Path) -> Splits:
        settings = bench_settings(csv)
        return rolling_splits(dataset_rows(settings), settings, spreads=2)

    def test_training_ends_before_the_tested_month(self, splits):
        assert splits.splits
        for split in splits.splits:
            assert max(split.training["SESSION_DATE"].to_pylist()) < min(split.test["SESSION_DATE"].to_pylist())

    def test_no_session_is_trained_on_and_tested_on(self, splits):
        for split in splits.splits:
            assert not set(split.training["UID"].to_pylist()) & set(split.test["UID"].to_pylist())

    def test_first_days_are_those_of_the_evaluation(self, splits):
        for split in splits.splits:
            days = split.test["SESSION_DATE"].to_pylist()
            window = Window(min(days).replace(day=1), min(days).replace(day=15))
            # The test rows have the days of spread 0.
            assert [day in window for day in days] == split.first_days[0].tolist()

    def test_a_split_of_both_calendars_counts_once(self, splits):
        names = [split.name for split in splits.splits]
        assert len(names) == len(set(names))

    def test_months_follow_across_the_year(self, splits):
        names = [split.name for split in splits.splits]
        assert "Nov, Dec → Feb" in " ".join((*names, *splits.left_out))


def judged_in_may(scores: np.ndarray, labels: np.ndarray) -> list[Judged]:
    return [Judged("May", labels, np.ones((1, len(labels)), dtype=bool), scores[None, :])]


class TestIntervals:
    @pytest.mark.parametrize(("metric", "expected"), [("ROC-AUC", roc_auc_score), ("Brier", brier_score_loss)])
    def test_replicates_equal_sklearn_on_the_drawn_rows(self, metric, expected):
        random = np.random.default_rng(0)
        labels = random.integers(0, 2, 60)
        scores = np.round(random.random(60), 1)  # with ties
        measured = replicates(judged_in_may(scores, labels), metric, 3)[0]
        generator = np.random.default_rng([ord(letter) for letter in "May"])
        draws = [np.arange(60), *(generator.integers(0, 60, 60) for _ in range(3))]
        assert measured == pytest.approx([expected(labels[rows], scores[rows]) for rows in draws])

    @pytest.fixture(scope="class")
    @classmethod
    def good_and_random(cls) -> tuple[np.ndarray, np.ndarray]:
        """The replicates of a model with skill and of random scores."""
        random = np.random.default_rng(0)
        labels = random.integers(0, 2, 400)
        good, noise = labels + random.normal(size=400), random.normal(size=400)
        first, second = (replicates(judged_in_may(scores, labels), "PR-AUC", 100) for scores in (good, noise))
        return first, second

    def test_a_model_does_not_differ_from_itself(self, good_and_random):
        good, _ = good_and_random
        assert difference(good, good, ["May"], 0.95).rows == (0.0, 0.0)

    def test_a_good_model_is_above_random_scores(self, good_and_random):
        good, noise = good_and_random
        assert difference(good, noise, ["May"], 0.95).rows[0] > 0
