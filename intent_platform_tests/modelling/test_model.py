import numpy as np
import pyarrow as pa
import pytest

from intent_platform.errors import VersionUnfit
from intent_platform.modelling.model import IntentModel, feature_matrix
from intent_platform_tests.modelling.conftest import made_sessions

FRESH = made_sessions(500, seed=1)


def test_a_saved_model_scores_as_before(trained, tmp_path):
    trained.model.classifier.save_model(tmp_path / "model.cb")
    loaded = IntentModel.load(tmp_path / "model.cb", trained.model.features)
    np.testing.assert_array_equal(loaded.predict(FRESH), trained.model.predict(FRESH))
    assert loaded.features == trained.model.features


def test_scores_are_probabilities_one_for_each_row(trained):
    scores = trained.model.predict(FRESH)
    assert scores.shape == (500,)
    assert scores.dtype == np.float64
    assert np.all((scores > 0) & (scores < 1))


def test_neither_chunks_nor_integer_widths_nor_the_order_of_columns_matter(trained):
    whole = trained.model.predict(FRESH)
    narrow = pa.table(
        {f.name: FRESH[f.name].cast(pa.int32()) if f.type == pa.int64() else FRESH[f.name] for f in FRESH.schema}
    )
    backwards = narrow.select(narrow.column_names[::-1])
    np.testing.assert_array_equal(trained.model.predict(backwards), whole)
    chunked = pa.concat_tables([FRESH.slice(0, 7), FRESH.slice(7)])
    np.testing.assert_array_equal(trained.model.predict(chunked), whole)
    batches = [trained.model.predict(batch) for batch in FRESH.to_batches(max_chunksize=64)]
    np.testing.assert_array_equal(np.concatenate(batches), whole)


def test_what_the_features_add_sums_to_the_log_odds_of_the_score(trained):
    explained = trained.model.explain(FRESH)
    assert explained.column_names == [*trained.model.features, "BASE"]
    total = np.sum([column.to_numpy() for column in explained.columns], axis=0)
    scores = trained.model.predict(FRESH)
    scale, bias = trained.model.classifier.get_scale_and_bias()
    np.testing.assert_allclose(total, np.log(scores / (1 - scores)), rtol=1e-6, err_msg=f"scale {scale}, bias {bias}")


def test_threads_do_not_change_a_score(trained):
    many = pa.concat_tables([FRESH] * 21)  # enough rows for several threads
    np.testing.assert_array_equal(trained.model.predict(many), np.tile(trained.model.predict(FRESH), 21))


def test_no_rows_give_no_scores(trained):
    assert trained.model.predict(FRESH.slice(0, 0)).shape == (0,)


def test_a_missing_column_is_named(trained):
    with pytest.raises(VersionUnfit, match="PAGEVALUES"):
        trained.model.predict(FRESH.drop_columns(["PAGEVALUES"]))
    with pytest.raises(ValueError, match="columns given"):
        trained.model.predict_columns([FRESH["PAGEVALUES"]])


@pytest.mark.parametrize("empty", [None, float("nan")])
def test_an_empty_cell_is_not_scored_silently(empty):
    with pytest.raises(ValueError, match="column 1"):
        feature_matrix([pa.array([1, 2]), pa.array([0.5, empty])])


def test_numbers_beyond_float32_become_infinite():
    assert np.isposinf(feature_matrix([pa.array([1e300])])[0, 0])


def test_loading_refuses_other_features_another_order_and_other_files(trained, tmp_path):
    trained.model.classifier.save_model(tmp_path / "model.cb")
    with pytest.raises(VersionUnfit, match="PAGEVALUES"):
        IntentModel.load(tmp_path / "model.cb", trained.model.features[::-1])
    (tmp_path / "text.cb").write_text("not a model")
    for name in ("text.cb", "missing.cb"):
        with pytest.raises(VersionUnfit, match=name):
            IntentModel.load(tmp_path / name, trained.model.features)
