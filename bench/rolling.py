"""The rolling protocol: train on the three months before a month and test on that month, as the product does.

The windows are the product's own. `quality` has the models to compare, and `intervals` the intervals of differences.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bench.sessions import CALENDARS, placed
from bench.tuning import labels_of
from intent_platform.modelling.metrics import Labels
from intent_platform.partitions import Window, evaluation_window, month_keys, month_window, training_window
from intent_platform.settings import Settings
from intent_platform.tables import MONTH_NAMES


@dataclass(frozen=True)
class Split:
    """One tested month and the sessions to train on.

    Attributes:
        name: the training months and the tested month.
        training: the sessions to train on.
        test: the sessions of the whole tested month.
        first_days: which of them are in the product's test window, for each spread, shape (spreads, rows).
    """

    name: str
    training: pa.Table
    test: pa.Table
    first_days: npt.NDArray[np.bool_]

    @property
    def labels(self) -> Labels:
        """The labels of the whole month."""
        return labels_of(self.test)


@dataclass(frozen=True)
class Splits:
    """The splits with enough purchases, and a sentence about each of the others."""

    splits: tuple[Split, ...]
    left_out: tuple[str, ...]


def rolling_splits(rows: pa.Table, settings: Settings, spreads: int) -> Splits:
    """The splits of both calendars. A split that occurs in both counts once.

    The training rows do not depend on the spread, because training windows are whole months.
    """
    found: dict[tuple[str, ...], Split] = {}
    left_out: list[str] = []
    for calendar in CALENDARS:
        placings = [placed(rows, calendar, spread) for spread in range(spreads)]
        days = placings[0]["SESSION_DATE"]
        extent = pc.min_max(days).as_py()
        for key in month_keys(Window(extent["min"].replace(day=1), extent["max"])):
            training = _within(placings[0], training_window(key, settings.training.months))
            test = _within(placings[0], month_window(key))
            months = tuple(MONTH_NAMES[number - 1] for number in _in_order(training))
            if not months or not test.num_rows or (key[5:7], *months) in found:
                continue
            name = f"{', '.join(months)} → {MONTH_NAMES[int(key[5:7]) - 1]}"
            reason = _too_little(training, test, settings)
            if reason:
                left_out.append(f"{name}: {reason}")
                continue
            window = evaluation_window(key, settings.evaluation.days)
            first_days = np.stack([_is_within(_within(placing, month_window(key)), window) for placing in placings])
            found[(key[5:7], *months)] = Split(name, training, test, first_days)
    return Splits(tuple(found.values()), tuple(dict.fromkeys(left_out)))


def _too_little(training: pa.Table, test: pa.Table, settings: Settings) -> str | None:
    purchases, tested = int(labels_of(training).sum()), int(labels_of(test).sum())
    if purchases < settings.training.minimum_purchases:
        return f"{purchases} purchases to train on, {settings.training.minimum_purchases} are needed"
    if tested < settings.gate.minimum_purchases:
        return f"{tested} purchases to test on, {settings.gate.minimum_purchases} are needed"
    return None


def _in_order(rows: pa.Table) -> Iterator[int]:
    """The numbers of the months in these rows, in order of date."""
    months = sorted({(day.year, day.month) for day in pc.unique(rows["SESSION_DATE"]).to_pylist()})
    return (month for _, month in months)


def _is_within(rows: pa.Table, window: Window) -> npt.NDArray[np.bool_]:
    days = rows["SESSION_DATE"]
    inside = pc.and_(pc.greater_equal(days, window.start), pc.less(days, window.end))
    return np.asarray(inside.to_numpy(), dtype=bool)


def _within(rows: pa.Table, window: Window) -> pa.Table:
    return rows.filter(pa.array(_is_within(rows, window)))
