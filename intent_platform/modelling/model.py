"""`IntentModel`: a trained CatBoost classifier and the order of its inputs. It scores, explains and loads.

`training` trains it. The registries in `platforms` store its versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intent_platform.errors import VersionUnfit
from intent_platform.modelling import catboost_family as family

if TYPE_CHECKING:
    from catboost import CatBoostClassifier

# Below this many rows, starting a second thread costs more than it saves.
_ROWS_WORTH_THREADS = 10_000


def feature_matrix(
    columns: Sequence[pa.ChunkedArray | pa.Array], order: npt.NDArray[np.integer] | None = None
) -> npt.NDArray[np.float32]:
    """Return numeric columns of equal length as a float32 matrix of shape (rows, columns).

    The matrix is column-major, because CatBoost reads this layout fastest. It is filled column by column, which avoids
    a second copy of the data. CatBoost compares in float32 anyway, so scoring sees exactly the numbers that training
    saw.

    Args:
        columns: numeric Arrow columns of equal length.
        order: row numbers in the order of the result; None keeps the order of the rows.

    Raises:
        ValueError: a cell is empty or NaN. The message gives the column's position. `DATASET` has no such cells, and
            CatBoost would score them without an error.
    """
    matrix = np.empty((len(columns[0]), len(columns)), dtype=np.float32, order="F")
    for position, column in enumerate(columns):
        values = column.to_numpy(zero_copy_only=False)
        # A value beyond float32 becomes infinite, which is still above every border of every tree.
        with np.errstate(over="ignore"):
            matrix[:, position] = values if order is None else values[order]
        if np.isnan(matrix[:, position]).any():
            raise ValueError(
                f"column {position} of the model inputs (the first is 0) has empty cells: score rows of DATASET, where "
                "every feature has a value"
            )
    return matrix


@dataclass(frozen=True, eq=False)
class IntentModel:
    """A CatBoost classifier and its `features`: the names of its input columns, in order."""

    classifier: "CatBoostClassifier"
    features: tuple[str, ...]

    def predict(self, rows: pa.Table | pa.RecordBatch) -> npt.NDArray[np.float64]:
        """Return the probability of a purchase for each row, shape (rows,). Columns are found by name.

        Raises:
            VersionUnfit: `rows` lacks a feature.
            ValueError: a cell is empty or NaN.
        """
        missing = sorted(set(self.features) - set(rows.schema.names))
        if missing:
            raise VersionUnfit(
                f"the rows lack {', '.join(missing)}, which the model needs: choose a version that was trained without "
                "these columns"
            )
        return self.predict_columns([rows.column(name) for name in self.features])

    def predict_columns(self, columns: Sequence[pa.ChunkedArray | pa.Array]) -> npt.NDArray[np.float64]:
        """Return the same for bare columns in the order of `features`.

        DuckDB calls it for chunks of 2,048 rows, so it does nothing but check, convert and score.

        Raises:
            ValueError: the number of columns is wrong, or a cell is empty or NaN.
        """
        if len(columns) != len(self.features):
            raise ValueError(
                f"{len(columns)} columns given, but the model takes {len(self.features)}: pass one column for each "
                "feature, in the model's order"
            )
        rows = len(columns[0])
        if rows == 0:
            return np.empty(0)
        threads = -1 if rows >= _ROWS_WORTH_THREADS else 1  # -1: all of the machine
        return family.probabilities(self.classifier, feature_matrix(columns), threads)

    def explain(self, rows: pa.Table | pa.RecordBatch) -> pa.Table:
        """Return what each feature adds to the log-odds of each row's score (Shapley values).

        Each feature has a column of its name, and the column `BASE` holds the mean. All columns of a row add up to its
        log-odds.
        """
        matrix = feature_matrix([rows.column(name) for name in self.features])
        values = family.contributions(self.classifier, matrix, self.features)
        return pa.table(dict(zip((*self.features, "BASE"), values.T, strict=True)))

    def to_bytes(self) -> bytes:
        """Return the model file, including calibration and feature names."""
        return family.saved(self.classifier)

    @classmethod
    def from_bytes(cls, content: bytes) -> "IntentModel":
        """Read a model file.

        Raises:
            VersionUnfit: the file is not a model of the family.
        """
        return cls(*family.loaded(content))
