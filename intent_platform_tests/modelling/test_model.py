import numpy as np
import pyarrow as pa
import pytest

from intent_platform.errors import VersionUnfit
from intent_platform.modelling.model import IntentModel, feature_matrix
from intent_platform_tests.modelling.conftest import made_sessions

UNSEEN_SESSIONS = made_sessions(500, seed=1)


class TestPredict:
    @pytest.fixture(scope="class")
    @classmethod
    def scores(cls, trained):
        return trained.model.predict(UNSEEN_SESSIONS)

    def test_each_row_gets_one_probability(self, scores):
        assert scores.shape == (500,)
        assert scores.dtype == np.float64
        assert np.all((scores > 0) & (scores < 1))

    def test_no_rows_get_no_scores(self, trained):
        assert trained.model.predict(UNSEEN_SESSIONS.slice(0, 0)).shape == (0,)

    def test_integer_width_and_column_order_do_not_matter(self, trained, scores):
        narrow = pa.table(
            {
                name: column.cast(pa.int32()) if column.type == pa.int64() else column
                for name, column in zip(UNSEEN_SESSIONS.column_names, UNSEEN_SESSIONS.columns, strict=True)
            }
        )
        backwards = narrow.select(narrow.column_names[::-1])
        np.testing.assert_array_equal(trained.model.predict(backwards), scores)

    def test_chunks_and_batches_do_not_matter(self, trained, scores):
        chunked = pa.concat_tables([UNSEEN_SESSIONS.slice(0, 7), UNSEEN_SESSIONS.slice(7)])
        np.testing.assert_array_equal(trained.model.predict(chunked), scores)
        batches = [trained.model.predict(batch) for batch in UNSEEN_SESSIONS.to_batches(max_chunksize=64)]
        np.testing.assert_array_equal(np.concatenate(batches), scores)

    def test_threads_do_not_matter(self, trained, scores):
        many_rows = pa.concat_tables([UNSEEN_SESSIONS] * 21)  # enough for several threads
        np.testing.assert_array_equal(trained.model.predict(many_rows), np.tile(scores, 21))

    def test_a_missing_column_is_named(self, trained):
        with pytest.raises(VersionUnfit, match="PAGEVALUES"):
            trained.model.predict(UNSEEN_SESSIONS.drop_columns(["PAGEVALUES"]))

    def test_refuses_another_number_of_columns(self, trained):
        with pytest.raises(ValueError, match="columns given"):
            trained.model.predict_columns([UNSEEN_SESSIONS["PAGEVALUES"]])


class TestExplain:
    def test_contributions_sum_to_the_log_odds_of_the_score(self, trained):
        explained = trained.model.explain(UNSEEN_SESSIONS)
        assert explained.column_names == [*trained.model.features, "BASE"]
        total = np.sum([column.to_numpy() for column in explained.columns], axis=0)
        scores = trained.model.predict(UNSEEN_SESSIONS)
        scale, bias = trained.model.classifier.get_scale_and_bias()
        np.testing.assert_allclose(
            total, np.log(scores / (1 - scores)), rtol=1e-6, err_msg=f"scale {scale}, bias {bias}"
        )


class TestFeatureMatrix:
    @pytest.mark.parametrize("empty", [None, float("nan")], ids=["null", "nan"])
    def test_refuses_an_empty_cell(self, empty):
        with pytest.raises(ValueError, match="column 1"):
            feature_matrix([pa.array([1, 2]), pa.array([0.5, empty])])

    def test_numbers_beyond_float32_become_infinite(self):
        assert np.isposinf(feature_matrix([pa.array([1e300])])[0, 0])


class TestFile:
    def test_is_read_into_a_model_that_scores_as_before(self, trained):
        loaded = IntentModel.from_bytes(trained.model.to_bytes())
        np.testing.assert_array_equal(loaded.predict(UNSEEN_SESSIONS), trained.model.predict(UNSEEN_SESSIONS))
        assert loaded.features == trained.model.features

    @pytest.mark.parametrize("content", [b"", b"not a model", bytes(1_000)], ids=["empty", "text", "zeros"])
    def test_without_a_model_is_refused(self, content):
        with pytest.raises(VersionUnfit, match="not a readable CatBoost model"):
            IntentModel.from_bytes(content)

    def test_cut_anywhere_is_refused(self, trained):
        content = trained.model.to_bytes()
        for end in (*range(0, len(content), 97), *range(len(content) - 100, len(content))):
            with pytest.raises(VersionUnfit, match="not a readable CatBoost model"):
                IntentModel.from_bytes(content[:end])
