import gc
import weakref
from collections.abc import Sequence
from datetime import date

import numpy as np
import optuna
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.folds import Folds
from intent_platform.modelling.metrics import measure
from intent_platform.modelling.model import IntentModel, feature_matrix
from intent_platform.modelling.search import Trial, search
from intent_platform.modelling.training import train
from intent_platform.settings.training import TrainingSettings
from intent_platform_tests.modelling.conftest import made_sessions

ROWS = made_sessions(1_200)


def with_labels(rows: pa.Table, labels: Sequence[int] | np.ndarray) -> pa.Table:
    return rows.set_column(rows.column_names.index("REVENUE"), "REVENUE", pa.array(labels, pa.int32()))


def folds_of(settings: TrainingSettings) -> Folds:
    matrix = feature_matrix([ROWS[name] for name in settings.features])
    labels = ROWS["REVENUE"].to_numpy().astype(np.int64)
    return Folds.of(matrix, labels, ROWS["SESSION_DATE"].to_numpy(), settings)


def test_the_same_rows_give_the_same_file_in_whatever_order_they_come(trained, quick, tmp_path):
    shuffled = ROWS.take(np.random.default_rng(1).permutation(len(ROWS)))
    again = train(shuffled.select(shuffled.column_names[::-1]), quick)
    trained.model.classifier.save_model(tmp_path / "first.cb")
    again.model.classifier.save_model(tmp_path / "again.cb")
    assert (tmp_path / "first.cb").read_bytes() == (tmp_path / "again.cb").read_bytes()
    assert again.metrics == trained.metrics
    assert [(t.parameters, t.value) for t in again.trials] == [(t.parameters, t.value) for t in trained.trials]


def test_the_account_adds_up(trained, quick):
    assert (trained.sessions, trained.positives) == (1_200, pc.sum(ROWS["REVENUE"]).as_py())
    assert (trained.metrics.sessions, trained.metrics.positives) == (trained.sessions, trained.positives)
    assert trained.model.classifier.tree_count_ == trained.iterations
    assert [trial.number for trial in trained.trials] == [0, 1]
    best = max(trained.trials, key=lambda trial: trial.value or 0.0)
    assert dict(best.parameters).items() <= dict(trained.parameters).items()
    assert trained.parameters["border_count"] == quick.border_count


def test_no_feature_is_the_answer(trained, settings):
    assert trained.model.features == settings.training.features
    assert {"REVENUE", "UID", "SESSION_DATE"}.isdisjoint(trained.model.features)


def test_the_metrics_are_out_of_fold(quick):
    """Labels by chance cannot be learnt: metrics of training rows would be good, honest ones are not."""
    labels = (np.random.default_rng(0).random(len(ROWS)) < 0.15).astype(int)
    training = train(with_labels(ROWS, labels), quick)
    on_training_rows = measure(labels, training.model.predict(ROWS))
    assert training.metrics.roc_auc == pytest.approx(0.5, abs=0.08)
    assert (on_training_rows.roc_auc or 0.0) > 0.6
    assert training.metrics.calibration_error == pytest.approx(0.0, abs=0.04)


def test_calibration_mends_on_rows_not_seen_what_training_distorts_and_survives_the_file(quick, tmp_path):
    distorted = quick.model_copy(update={"fixed": {**quick.fixed, "scale_pos_weight": 6.0}})
    train(ROWS, distorted).model.classifier.save_model(tmp_path / "model.cb")
    model = IntentModel.load(tmp_path / "model.cb", distorted.features)
    held_out = made_sessions(4_000, seed=9)
    labels = held_out["REVENUE"].to_numpy()
    calibrated = model.predict(held_out)
    model.classifier.set_scale_and_bias(1.0, 0.0)
    raw = model.predict(held_out)
    assert (measure(labels, calibrated).calibration_error or 0.0) < 0.03
    assert (measure(labels, raw).calibration_error or 0.0) > 0.1
    assert calibrated.mean() == pytest.approx(labels.mean(), abs=0.02)
    np.testing.assert_array_equal(np.argsort(calibrated, kind="stable"), np.argsort(raw, kind="stable"))


def test_the_search_says_each_trial_and_nothing_else(quick, capfd, caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said: list[Trial] = []
    level = optuna.logging.get_verbosity()
    training = train(ROWS, quick.model_copy(update={"trials": 6}), said.append)
    assert tuple(said) == training.trials
    assert {trial.state for trial in said} <= {"complete", "pruned"}
    assert all((trial.value is None) == (trial.state == "pruned") for trial in said)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert list(tmp_path.iterdir()) == []
    assert optuna.logging.get_verbosity() == level


def test_a_trial_is_pruned_when_it_is_behind_the_best_on_its_folds_but_not_for_one_fold(quick, monkeypatch):
    measured = iter(
        [
            [(0.50, 10), (0.50, 10), (0.50, 10)],
            [(0.90, 10), (0.05, 10), (0.90, 10)],  # behind after two
            [(0.10, 20), (0.95, 30), (0.60, 40)],  # ahead after two
            [(0.20, 10), (0.90, 10), (0.30, 10)],  # behind after all of them: measured, but not chosen
        ]
    )
    monkeypatch.setattr("intent_platform.modelling.search.side_by_side", lambda *_: (fold for fold in next(measured)))
    found = search(folds_of(quick), quick.model_copy(update={"trials": 4}))
    assert [trial.state for trial in found.trials] == ["complete", "pruned", "complete", "complete"]
    assert [trial.value for trial in found.trials] == [0.5, None, pytest.approx(0.55), pytest.approx(1.4 / 3)]
    assert found.parameters == found.trials[2].parameters
    assert found.iterations == 30


def test_how_many_threads_there_are_does_not_change_what_is_found(quick):
    settings = quick.model_copy(update={"trials": 6})
    one, two, three = (
        search(folds_of(quick), settings.model_copy(update={"threads": threads})) for threads in (1, 2, 3)
    )
    for other in (two, three):
        assert (other.parameters, other.iterations) == (one.parameters, one.iterations)
        assert [(t.parameters, t.value, t.state) for t in other.trials] == [
            (t.parameters, t.value, t.state) for t in one.trials
        ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS.slice(0, 0), "no sessions"),
        (with_labels(ROWS, [0] * 1_200), "0 of 1200 sessions are purchases, but training needs at least 30"),
        (
            with_labels(ROWS, [1] * 29 + [0] * 1_171),
            "29 of 1200 sessions are purchases, but training needs at least 30",
        ),
        (with_labels(ROWS, [1] * 1_200), "1200 of 1200 sessions are purchases"),
    ],
)
def test_rows_that_cannot_carry_a_model_are_refused_with_their_counts(quick, rows, said):
    with pytest.raises(TrainingRefused, match=said):
        train(rows, quick)


def test_forward_validation_never_looks_back(quick):
    forward = quick.model_copy(update={"validation": "forward"})
    days = ROWS["SESSION_DATE"].to_numpy()
    labels = ROWS["REVENUE"].to_numpy().astype(np.int64)
    folds = folds_of(forward)
    assert len(folds.folds) == quick.folds
    for fold in folds.folds:
        assert days[fold.training_rows].max() < days[fold.held_out_rows].min()
    held_out = [labels[fold.held_out_rows].sum() for fold in folds.folds]
    assert max(held_out) < 1.5 * min(held_out)
    first_days = days <= days[np.setdiff1d(np.arange(len(days)), folds.held_out_rows)].max()
    assert (~first_days).sum() == len(folds.held_out_rows)  # whole days
    training = train(ROWS, forward)
    assert training.metrics.sessions == len(folds.held_out_rows) < training.sessions == len(ROWS)
    assert (training.metrics.roc_auc or 0.0) > 0.7


def test_folds_do_not_hold_on_to_the_matrix_that_they_were_quantized_from(quick):
    matrix = feature_matrix([ROWS[name] for name in quick.features])
    matrix_is_there = weakref.ref(matrix)
    folds = Folds.of(matrix, ROWS["REVENUE"].to_numpy().astype(np.int64), ROWS["SESSION_DATE"].to_numpy(), quick)
    del matrix
    gc.collect()
    assert matrix_is_there() is None
    assert folds.whole.num_row() == len(ROWS)


def test_one_day_cannot_be_validated_forward(quick):
    one_day = ROWS.set_column(1, "SESSION_DATE", pa.array([date(2024, 5, 1)] * len(ROWS)))
    with pytest.raises(TrainingRefused, match="1 days do not make two folds"):
        train(one_day, quick.model_copy(update={"validation": "forward"}))
    assert train(one_day, quick).positives > 0


def test_a_time_box_ends_the_search_after_the_trial_that_filled_it(quick):
    boxed = train(ROWS, quick.model_copy(update={"trials": 1_000, "search_seconds": 0.01}))
    assert [trial.state for trial in boxed.trials] == ["complete"]


def test_a_gpu_that_is_not_there_is_said(quick):
    from catboost.utils import get_gpu_device_count

    if get_gpu_device_count():
        pytest.skip("this machine has a GPU")
    with pytest.raises(TrainingRefused, match=r"training.task_type is GPU.*CPU"):
        train(ROWS, quick.model_copy(update={"task_type": "GPU"}))


def test_features_without_any_variation_are_refused(quick):
    constant = ROWS
    for name in quick.features:
        constant = constant.set_column(constant.column_names.index(name), name, pa.array([1.0] * len(ROWS)))
    with pytest.raises(TrainingRefused, match="same features"):
        train(constant, quick)


def test_real_sessions_teach_what_holds_a_month_later(uci_rows, quick):
    features = tuple(name for name in quick.features if name in uci_rows("Oct").column_names)
    rows = pa.concat_tables([uci_rows("Aug"), uci_rows("Sep"), uci_rows("Oct")])
    training = train(rows, quick.model_copy(update={"features": features}))
    november = uci_rows("Nov")
    metrics = measure(november["REVENUE"].to_numpy(), training.model.predict(november))
    for measured in (metrics, training.metrics):
        assert (measured.pr_auc or 0.0) > 2 * (measured.prevalence or 1.0)
