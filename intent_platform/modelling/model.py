"""`IntentModel`: a trained CatBoost classifier with the order of its inputs. Scores, explains, loads.

How a model is trained is in `training`; where versions are kept is the registries' business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intent_platform.errors import VersionUnfit

if TYPE_CHECKING:
    from catboost import CatBoostClassifier

# Below this many rows, starting a second thread costs more than it saves.
_ROWS_WORTH_THREADS = 10_000


def feature_matrix(
    columns: Sequence[pa.ChunkedArray | pa.Array], order: npt.NDArray[np.integer] | None = None
) -> npt.NDArray[np.float32]:
    """Numeric columns of equal length as a float32 matrix of shape (rows, columns), its rows in `order` when given.

    Column-major, which is how CatBoost reads it fastest, and filled column by column: no other copy is made.
    CatBoost compares in float32 anyway, so that scoring sees exactly the numbers that training saw.

    Raises:
        ValueError: a cell is empty or NaN; it names the column's position. `DATASET` has no such cells,
            and CatBoost would score them without a word.
    """
    matrix = np.empty((len(columns[0]), len(columns)), dtype=np.float32, order="F")
    for position, column in enumerate(columns):
        values = column.to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):  # beyond float32 is infinite: above every border of every tree
            matrix[:, position] = values if order is None else values[order]
        if np.isnan(matrix[:, position]).any():
            raise ValueError(f"column {position} of the model inputs has empty cells: the features have none")
    return matrix


@dataclass(frozen=True, eq=False)
class IntentModel:
    """A CatBoost classifier and its `features`, the columns it takes, in order."""

    classifier: "CatBoostClassifier"
    features: tuple[str, ...]

    def predict(self, rows: pa.Table | pa.RecordBatch) -> npt.NDArray[np.float64]:
        """The probability of a purchase for each row, shape (rows,). Columns are found by name.

        Raises:
            VersionUnfit: `rows` lacks a feature.
            ValueError: a cell is empty.
        """
        missing = sorted(set(self.features) - set(rows.schema.names))
        if missing:
            raise VersionUnfit(
                f"the rows lack {', '.join(missing)}, which the model needs: score them with a version trained on "
                "the columns they have"
            )
        return self.predict_columns([rows.column(name) for name in self.features])

    def predict_columns(self, columns: Sequence[pa.ChunkedArray | pa.Array]) -> npt.NDArray[np.float64]:
        """The same for bare columns in the order of `features`; light enough for chunks of 2,048 rows.

        Raises:
            ValueError: the number of columns is wrong, or a cell is empty.
        """
        if len(columns) != len(self.features):
            raise ValueError(f"{len(columns)} columns given, the model takes {len(self.features)}")
        rows = len(columns[0])
        if rows == 0:
            return np.empty(0)
        threads = -1 if rows >= _ROWS_WORTH_THREADS else 1
        probabilities = self.classifier.predict_proba(feature_matrix(columns), thread_count=threads)
        return np.ascontiguousarray(probabilities[:, 1], dtype=np.float64)

    def explain(self, rows: pa.Table | pa.RecordBatch) -> pa.Table:
        """What each feature adds to the log-odds of each row's score (Shapley values), columns named as the features.

        The columns and `BASE`, the mean, add up to the log-odds. TreeSHAP, Lundberg et al. 2020, as CatBoost has it:
        of the uncalibrated model, then scaled, for calibration is linear in the log-odds.
        """
        from catboost import Pool

        scale, bias = self.classifier.get_scale_and_bias()
        uncalibrated = self.classifier.copy()
        uncalibrated.set_scale_and_bias(1, [0])
        matrix = feature_matrix([rows.column(name) for name in self.features])
        values = scale * np.asarray(
            uncalibrated.get_feature_importance(Pool(matrix, feature_names=list(self.features)), "ShapValues")
        )
        values[:, -1] += bias
        return pa.table(dict(zip((*self.features, "BASE"), values.T, strict=True)))

    @classmethod
    def load(cls, path: Path, features: Sequence[str]) -> "IntentModel":
        """Read a model in CatBoost's binary format, calibration and feature names included.

        Raises:
            VersionUnfit: the file is not a CatBoost model, or one of other features than `features`, in order.
        """
        from catboost import CatBoostClassifier, CatBoostError

        classifier = CatBoostClassifier()
        try:
            classifier.load_model(str(path))
        except CatBoostError as error:
            raise VersionUnfit(
                f"{path.name} is not a readable CatBoost model: train or choose another version"
            ) from error
        stored = tuple(classifier.feature_names_)
        if stored != tuple(features):
            raise VersionUnfit(
                f"{path.name} takes the features {', '.join(stored)}, but its version lists {', '.join(features)}: "
                "choose another version"
            )
        return cls(classifier, stored)
