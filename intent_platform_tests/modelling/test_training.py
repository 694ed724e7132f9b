from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from intent_platform.errors import TrainingRefused
from intent_platform.modelling.metrics import measure
from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.training import train
from intent_platform.settings import load_settings
from intent_platform_tests.modelling.conftest import ROWS, folds_of, made_sessions


def with_labels(rows: pa.Table, labels: Sequence[int] | np.ndarray) -> pa.Table:
    return rows.set_column(rows.column_names.index("REVENUE"), "REVENUE", pa.array(labels, pa.int32()))


class TestTraining:
    def test_row_and_column_order_change_nothing(self, trained, quick, tmp_path):
        """The model file is the same to the bit, and so are metrics and trials."""
        shuffled = ROWS.take(np.random.default_rng(1).permutation(len(ROWS)))
        again = train(shuffled.select(shuffled.column_names[::-1]), quick)
        trained.model.classifier.save_model(tmp_path / "first.cb")
        again.model.classifier.save_model(tmp_path / "again.cb")
        assert (tmp_path / "first.cb").read_bytes() == (tmp_path / "again.cb").read_bytes()
        assert again.metrics == trained.metrics
        assert [(t.parameters, t.value) for t in again.trials] == [(t.parameters, t.value) for t in trained.trials]

    def test_features_are_those_of_the_settings(self, trained):
        assert trained.model.features == load_settings().training.features

    def test_label_key_and_day_are_not_features(self, trained):
        assert {"REVENUE", "UID", "SESSION_DATE"}.isdisjoint(trained.model.features)

    def test_counts_are_those_of_the_rows(self, trained):
        assert (trained.sessions, trained.positives) == (1_200, pc.sum(ROWS["REVENUE"]).as_py())
        assert (trained.metrics.sessions, trained.metrics.positives) == (trained.sessions, trained.positives)

    def test_model_has_the_parameters_of_the_best_trial(self, trained, quick):
        best = max(trained.trials, key=lambda trial: trial.value or 0.0)
        assert dict(best.parameters).items() <= dict(trained.parameters).items()
        assert trained.parameters["border_count"] == quick.border_count
        assert trained.model.classifier.tree_count_ == trained.iterations

    def test_each_trial_is_reported(self, trained_with_reports):
        trained, reported = trained_with_reports
        assert tuple(reported) == trained.trials
        assert [trial.number for trial in trained.trials] == [0, 1]

    def test_real_sessions_teach_something_about_the_next_month(self, uci_rows, quick):
        features = tuple(name for name in quick.features if name in uci_rows("Oct").column_names)
        rows = pa.concat_tables([uci_rows("Aug"), uci_rows("Sep"), uci_rows("Oct")])
        training = train(rows, quick.model_copy(update={"features": features}))
        november = uci_rows("Nov")
        metrics = measure(november["REVENUE"].to_numpy(), training.model.predict(november))
        for measured in (metrics, training.metrics):
            assert (measured.pr_auc or 0.0) > 2 * (measured.prevalence or 1.0)


class TestMetricsOfTraining:
    @pytest.fixture(scope="class")
    @classmethod
    def random_labels(cls):
        """Labels that cannot be learnt. Metrics on training rows look good nevertheless."""
        return (np.random.default_rng(0).random(len(ROWS)) < 0.15).astype(int)

    @pytest.fixture(scope="class")
    @classmethod
    def trained_on_random_labels(cls, random_labels, quick):
        return train(with_labels(ROWS, random_labels), quick)

    def test_are_measured_out_of_fold(self, random_labels, trained_on_random_labels):
        on_training_rows = measure(random_labels, trained_on_random_labels.model.predict(ROWS))
        assert trained_on_random_labels.metrics.roc_auc == pytest.approx(0.5, abs=0.08)
        assert (on_training_rows.roc_auc or 0.0) > 0.6

    def test_are_those_of_calibrated_scores(self, trained_on_random_labels):
        assert trained_on_random_labels.metrics.calibration_error == pytest.approx(0.0, abs=0.04)


class TestCalibrationByTraining:
    """Training with weighted purchases distorts the scores, and the calibration has to correct them."""

    held_out = made_sessions(4_000, seed=9)
    labels = held_out["REVENUE"].to_numpy()

    @pytest.fixture(scope="class")
    @classmethod
    def scores(cls, quick):
        """Calibrated and raw scores of rows that the model has not seen, from a model that was saved and loaded."""
        distorted = quick.model_copy(update={"fixed": {**quick.fixed, "scale_pos_weight": 6.0}})
        model = IntentModel.from_bytes(train(ROWS, distorted).model.to_bytes())
        calibrated = model.predict(cls.held_out)
        model.classifier.set_scale_and_bias(1.0, 0.0)
        return calibrated, model.predict(cls.held_out)

    def test_corrects_distorted_scores_in_the_saved_model(self, scores):
        calibrated, raw = scores
        assert (measure(self.labels, calibrated).calibration_error or 0.0) < 0.03
        assert (measure(self.labels, raw).calibration_error or 0.0) > 0.1
        assert calibrated.mean() == pytest.approx(self.labels.mean(), abs=0.02)

    def test_keeps_the_ranking(self, scores):
        calibrated, raw = scores
        np.testing.assert_array_equal(np.argsort(calibrated, kind="stable"), np.argsort(raw, kind="stable"))


class TestForwardValidation:
    @pytest.fixture(scope="class")
    @classmethod
    def forward(cls, quick):
        return quick.model_copy(update={"validation": "forward"})

    @pytest.fixture(scope="class")
    @classmethod
    def trained_forward(cls, forward):
        return train(ROWS, forward)

    def test_metrics_are_those_of_the_held_out_rows(self, forward, trained_forward):
        held_out = folds_of(ROWS, forward).held_out_rows
        assert trained_forward.metrics.sessions == len(held_out) < trained_forward.sessions == len(ROWS)

    def test_model_has_skill(self, trained_forward):
        assert (trained_forward.metrics.roc_auc or 0.0) > 0.7


class TestRefusal:
    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (ROWS.slice(0, 0), "no sessions"),
            (with_labels(ROWS, [0] * 1_200), "0 of 1200 sessions are purchases, but training needs at least 30"),
            (
                with_labels(ROWS, [1] * 29 + [0] * 1_171),
                "29 of 1200 sessions are purchases, but training needs at least 30",
            ),
            (with_labels(ROWS, [1] * 1_200), "1200 of 1200 sessions are purchases"),
        ],
        ids=["no sessions", "no purchases", "too few purchases", "purchases only"],
    )
    def test_gives_the_counts_of_insufficient_rows(self, quick, rows, message):
        with pytest.raises(TrainingRefused, match=message):
            train(rows, quick)

    def test_constant_features_are_refused(self, quick):
        constant = ROWS
        for name in quick.features:
            constant = constant.set_column(constant.column_names.index(name), name, pa.array([1.0] * len(ROWS)))
        with pytest.raises(TrainingRefused, match="same features"):
            train(constant, quick)

    def test_a_missing_gpu_is_named(self, quick):
        from catboost.utils import get_gpu_device_count

        if get_gpu_device_count():
            pytest.skip("this machine has a GPU")
        with pytest.raises(TrainingRefused, match=r"training.task_type is GPU.*CPU"):
            train(ROWS, quick.model_copy(update={"task_type": "GPU"}))


class TestRowsOfOneDay:
    rows = ROWS.set_column(1, "SESSION_DATE", pa.array([date(2024, 5, 1)] * len(ROWS)))

    def test_cannot_be_validated_forward(self, quick):
        with pytest.raises(TrainingRefused, match="1 days do not make two folds"):
            train(self.rows, quick.model_copy(update={"validation": "forward"}))

    def test_can_be_validated_at_random(self, quick):
        assert train(self.rows, quick).positives > 0
