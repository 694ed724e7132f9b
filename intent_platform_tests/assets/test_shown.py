"""What a reader sees in Dagster of a training and of an evaluation."""

import dagster as dg
import pytest


@pytest.fixture
def june(shop):
    """The runs that train and evaluate the challenger of June against the champion of May."""
    return shop.run("training_job", "2024-06-01"), shop.run("evaluation_job", "2024-06-01")


def metadata(result, asset: str) -> dict[str, object]:
    materialized = result.asset_materializations_for_node(asset)[0]
    return {name: value.value for name, value in materialized.metadata.items()}


def table(markdown: object) -> dict[str, list[str]]:
    """The rows of a markdown table, by their first cell."""
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in str(markdown).splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_a_training_says_each_trial_while_it_runs_and_shows_all_of_them_after(shop, june):
    training, _ = june
    records = shop.instance.all_logs(training.run_id)
    said = [record.user_message for record in records if record.user_message.startswith("trial ")]
    assert [sentence.split(":")[0] for sentence in said] == ["trial 1 of 2", "trial 2 of 2"]
    assert "PR-AUC 0." in said[0]
    events = [record.dagster_event_type for record in records]
    spoken = [number for number, record in enumerate(records) if record.user_message in said]
    assert max(spoken) < events.index(dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert set(table(metadata(training, "challenger_model")["trials"])) == {"0", "1"}


def test_an_evaluation_shows_calibration_differences_and_guardrails_of_both_versions(shop, june):
    _, evaluation = june
    shown = metadata(evaluation, "evaluation")
    for figure in ("calibration", "precision_recall"):
        assert "data:image/png;base64,iVBOR" in str(shown[figure])
    of_both = table(shown["metrics"])["calibration_error"]
    assert [0 <= float(cell) <= 1 for cell in of_both] == [True, True]
    assert shown["calibration_error"] == pytest.approx(float(of_both[0]), abs=1e-4)
    differences = table(shown["differences"])
    assert {name: cells[-1].split(",")[0] for name, cells in differences.items()} == {
        "PR-AUC": "paired bootstrap",
        "ROC-AUC": "DeLong",
    }
    margins = shop.settings.gate.guardrail_margins
    guardrails = table(shown["guardrails"])
    assert set(margins) <= set(guardrails)
    for name, margin in margins.items():
        visitors, _, at_worst, allowed, holds = guardrails[name]
        assert (visitors, float(allowed), holds) == ("all", margin, str(float(at_worst) <= margin))
