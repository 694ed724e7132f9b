import gc
import weakref

import numpy as np
import pytest

from intent_platform.modelling.folds import Folds
from intent_platform.modelling.model import feature_matrix
from intent_platform_tests.modelling.conftest import ROWS, folds_of

DAYS = ROWS["SESSION_DATE"].to_numpy()
LABELS = ROWS["REVENUE"].to_numpy().astype(np.int64)


class TestForwardFolds:
    @pytest.fixture(scope="class")
    @classmethod
    def folds(cls, quick) -> Folds:
        return folds_of(ROWS, quick.model_copy(update={"validation": "forward"}))

    def test_are_as_many_as_the_settings_ask_for(self, folds, quick):
        assert len(folds.folds) == quick.folds

    def test_never_train_on_a_later_day(self, folds):
        for fold in folds.folds:
            assert DAYS[fold.training_rows].max() < DAYS[fold.held_out_rows].min()

    def test_hold_out_similar_numbers_of_purchases(self, folds):
        purchases = [LABELS[fold.held_out_rows].sum() for fold in folds.folds]
        assert max(purchases) < 1.5 * min(purchases)

    def test_hold_out_whole_days(self, folds):
        only_trained_on = np.setdiff1d(np.arange(len(DAYS)), folds.held_out_rows)
        last_day_of_them = DAYS[only_trained_on].max()
        assert (last_day_of_them < DAYS).sum() == len(folds.held_out_rows)


class TestMemory:
    def test_folds_release_the_matrix_they_quantized(self, quick):
        matrix = feature_matrix([ROWS[name] for name in quick.features])
        matrix_reference = weakref.ref(matrix)
        folds = Folds.of(matrix, LABELS, DAYS, quick)
        del matrix
        gc.collect()
        assert matrix_reference() is None
        assert folds.whole.num_row() == len(ROWS)
