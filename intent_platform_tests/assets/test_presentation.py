"""What Dagster shows of a training and of an evaluation."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import dagster as dg
import pytest

from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop


class June(NamedTuple):
    """The runs that train the challenger of June and evaluate it against the champion of May."""

    shop: Shop
    training: Any
    evaluation: Any


@pytest.fixture(scope="module")
def june(open_crowned_shop: OpenCrownedShop) -> Iterator[June]:
    with open_crowned_shop() as shop:
        yield June(shop, shop.run("training_job", "2024-06-01"), shop.run("evaluation_job", "2024-06-01"))


def metadata(result: Any, asset: str) -> dict[str, Any]:
    """The metadata of an asset that a run materialized."""
    materialized = result.asset_materializations_for_node(asset)[0]
    return {name: value.value for name, value in materialized.metadata.items()}


def table(markdown: object) -> dict[str, list[str]]:
    """The rows of a markdown table, by their first cell."""
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in str(markdown).splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


class TestTraining:
    @pytest.fixture
    def records(self, june):
        """The log of the run."""
        return june.shop.instance.all_logs(june.training.run_id)

    def test_logs_each_trial_with_its_score(self, records):
        trials = [record.user_message for record in records if record.user_message.startswith("trial ")]
        assert [message.split(":")[0] for message in trials] == ["trial 1 of 2", "trial 2 of 2"]
        assert "PR-AUC 0." in trials[0]

    def test_logs_trials_while_it_runs(self, records):
        events = [record.dagster_event_type for record in records]
        trials = [number for number, record in enumerate(records) if record.user_message.startswith("trial ")]
        assert max(trials) < events.index(dg.DagsterEventType.ASSET_MATERIALIZATION)

    def test_shows_all_trials(self, june):
        assert set(table(metadata(june.training, "challenger_model")["trials"])) == {"0", "1"}


class TestEvaluation:
    @pytest.fixture
    def shown(self, june) -> dict[str, Any]:
        """The metadata of the evaluation."""
        return metadata(june.evaluation, "evaluation")

    @pytest.mark.parametrize("figure", ["calibration", "precision_recall"])
    def test_shows_a_figure(self, shown, figure):
        assert "data:image/png;base64,iVBOR" in str(shown[figure])

    def test_shows_the_calibration_error_of_both_versions(self, shown):
        of_both = table(shown["metrics"])["calibration_error"]
        assert [0 <= float(cell) <= 1 for cell in of_both] == [True, True]
        assert shown["calibration_error"] == pytest.approx(float(of_both[0]), abs=1e-4)

    def test_shows_the_method_of_each_difference(self, shown):
        differences = table(shown["differences"])
        assert {name: cells[-1].split(",")[0] for name, cells in differences.items()} == {
            "PR-AUC": "paired bootstrap",
            "ROC-AUC": "DeLong",
        }

    def test_shows_whether_each_guardrail_holds(self, june, shown):
        margins = june.shop.settings.gate.guardrail_margins
        guardrails = table(shown["guardrails"])
        assert set(margins) <= set(guardrails)
        for name, margin in margins.items():
            visitors, _, at_worst, allowed, holds = guardrails[name]
            assert (visitors, float(allowed), holds) == ("all", margin, str(float(at_worst) <= margin))
