from datetime import date
from typing import Any

import numpy as np
import pytest

from intent_platform.modelling.head_to_head import windows_to_pool
from intent_platform.partitions import Window
from intent_platform_tests.modelling.contests import head_to_head


class TestHeadToHead:
    @pytest.mark.parametrize("array", ["slices", "days"])
    def test_refuses_arrays_of_another_length(self, array):
        changes: Any = {array: np.array([])}
        with pytest.raises(ValueError, match="row"):
            head_to_head(**changes)

    @pytest.mark.parametrize("score", [np.nan, 1.5], ids=["nan", "above one"])
    def test_refuses_scores_that_are_not_probabilities(self, score):
        with pytest.raises(ValueError, match="probabilities"):
            head_to_head(challenger_scores=np.full(600, score))


class TestWindowsToPool:
    @pytest.mark.parametrize(
        ("enough", "pooled_months"),
        [(10, []), (11, [5]), (31, [5, 3]), (60, [5, 3]), (1_000, [5, 3, 2])],
        ids=["test window is enough", "one", "one without purchases left out", "just enough", "all"],
    )
    def test_windows_are_added_until_purchases_are_enough(self, enough, pooled_months):
        purchases = {9: 10, 5: 20, 4: 0, 3: 30, 2: 40}  # by month; September is tested
        test, *earlier = (Window(date(2024, month, 1), date(2024, month, 15)) for month in purchases)
        pooled = windows_to_pool(test, earlier, lambda window: purchases[window.start.month], enough)
        assert [window.start.month for window in pooled] == pooled_months
