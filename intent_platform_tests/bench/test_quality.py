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
MONTHS = {"Feb": 40, "Mar": 150, "May": 200, "June": 120, "Oct": 60, "Nov": 150, "Dec": 120}


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_uci_csv(tmp_path_factory.mktemp("uci") / "sessions.csv", MONTHS)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page without its tables."""
    empty = re.sub(r"(<!-- (\S+) -->\n).*?(<!-- /\2 -->)", r"\1\3", DOCUMENT.read_text(), flags=re.DOTALL)
    (tmp_path / "quality.md").write_text(empty)
    return tmp_path / "quality.md"


@pytest.fixture
def splits(csv: Path) -> Splits:
    settings = bench_settings(csv)
    return rolling_splits(dataset_rows(settings), settings, spreads=2)


@pytest.mark.parametrize("script", [bench.search.main, bench.quality.main])
def test_a_script_fills_its_tables(script, csv: Path, page: Path):
    before = page.read_text()
    script(["--quick", "--csv", str(csv), "--document", str(page), "--store", str(page.with_name("store"))])
    names = {bench.search.main: ["search"]}.get(
        script, [name for name in re.findall(r"<!-- ([a-z-]+) -->", before) if name != "search"]
    )
    for name in names:
        assert re.search(rf"<!-- {name} -->\n\n\|.*\|\n\| ---", page.read_text()), name


def test_a_second_run_trains_nothing_anew(csv: Path, page: Path, monkeypatch: pytest.MonkeyPatch):
    options = ["--quick", "--csv", str(csv), "--document", str(page), "--store", str(page.with_name("store"))]
    bench.quality.main([*options, "--only", "rolling"])
    first = page.read_text()
    monkeypatch.setattr("intent_platform.modelling.training.train", None)
    monkeypatch.setattr("bench.runs.score", None)
    bench.quality.main([*options, "--only", "rolling"])
    assert page.read_text() == first


def test_no_split_is_tested_on_what_it_was_trained_on(splits: Splits):
    assert splits.splits
    for split in splits.splits:
        days = [set(rows["SESSION_DATE"].to_pylist()) for rows in (split.training, split.test)]
        assert max(days[0]) < min(days[1])
        assert not set(split.training["UID"].to_pylist()) & set(split.test["UID"].to_pylist())
        window = Window(min(days[1]).replace(day=1), min(days[1]).replace(day=15))
        # Spread 0 is the placing that the test rows carry.
        assert [day in window for day in split.test["SESSION_DATE"].to_pylist()] == split.first_days[0].tolist()


def test_both_calendars_give_each_split_once(splits: Splits):
    names = [split.name for split in splits.splits]
    assert len(names) == len(set(names))
    assert "Nov, Dec → Feb" in " ".join((*names, *splits.left_out))


def made(scores: np.ndarray, labels: np.ndarray) -> list[Judged]:
    return [Judged("May", labels, np.ones((1, len(labels)), dtype=bool), scores[None, :])]


def test_metrics_are_those_of_scikit_learn_on_the_drawn_rows():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 60)
    scores = np.round(random.random(60), 1)  # with ties
    for metric, expected in (("ROC-AUC", roc_auc_score), ("Brier", brier_score_loss)):
        measured = replicates(made(scores, labels), metric, 3)[0]
        generator = np.random.default_rng([ord(letter) for letter in "May"])
        draws = [np.arange(60), *(generator.integers(0, 60, 60) for _ in range(3))]
        assert measured == pytest.approx([expected(labels[rows], scores[rows]) for rows in draws])


def test_a_model_differs_from_itself_by_nothing_and_from_noise_by_much():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    good, noise = labels + random.normal(size=400), random.normal(size=400)
    first, second = (replicates(made(scores, labels), "PR-AUC", 100) for scores in (good, noise))
    assert difference(first, first, ["May"], 0.95).rows == (0.0, 0.0)
    assert difference(first, second, ["May"], 0.95).rows[0] > 0
