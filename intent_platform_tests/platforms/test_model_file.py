"""The file of a version: only the one that was logged is read into a model, on every platform."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from catboost import CatBoostClassifier, Pool

from intent_platform.errors import VersionUnfit
from intent_platform.modelling.model import IntentModel
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import prove_fit
from intent_platform.platforms.model_file import digest_of, read_model
from intent_platform.platforms.ports import ModelRegistry
from intent_platform.platforms.versions import ModelVersion
from intent_platform_tests.platforms.conftest import FEATURES, log_version

ROWS = pa.table({name: np.linspace(0, 1, 50) for name in FEATURES})


def model_of(**changes: Any) -> IntentModel:
    """Another model of the same features."""
    random = np.random.default_rng(1)
    rows = random.random((300, 3))
    settings = {"iterations": 8, "depth": 2, "learning_rate": 0.1, "random_seed": 0, "thread_count": 1, **changes}
    classifier = CatBoostClassifier(allow_writing_files=False, logging_level="Silent", **settings)
    return IntentModel(classifier.fit(Pool(rows, rows[:, 1] > 0.5, feature_names=list(FEATURES))), FEATURES)


@pytest.fixture(scope="module")
def other_model() -> IntentModel:
    return model_of(iterations=5)


def flipped(seed: int) -> Callable[[bytes, bytes], bytes]:
    """Damage that changes one bit."""

    def flip(content: bytes, other: bytes) -> bytes:
        random = np.random.default_rng(seed)
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= 1 << int(random.integers(8))
        return bytes(damaged)

    return flip


#: By name: the new content of a file, from its content and that of another version.
DAMAGES: dict[str, Callable[[bytes, bytes], bytes | None]] = {
    "empty": lambda content, other: b"",
    "truncated": lambda content, other: content[: len(content) // 2],
    "longer": lambda content, other: content + b"\0",
    "another version's": lambda content, other: other,
    "missing": lambda content, other: None,
    **{f"bit flip {seed}": flipped(seed) for seed in range(5)},
}


class Logged(NamedTuple):
    """A registry with two versions, and the file of the first."""

    registry: ModelRegistry
    version: ModelVersion
    file: Path


class TestFile:
    @pytest.fixture(scope="class", params=["local", "emulator"])
    @classmethod
    def logged(cls, request, new_local_settings, new_snowflake_settings, emulator, model, other_model) -> Logged:
        if request.param == "local":
            settings = new_local_settings()
            root, name = settings.home, "model.cb"
        else:
            settings = new_snowflake_settings()
            root, name = emulator.root / "models", "model.bin"
        platform = platform_for(settings)
        version = log_version(platform, model)
        log_version(platform, other_model)
        return Logged(platform.registry, version, cls.file_of(model, root, name))

    @staticmethod
    def file_of(model: IntentModel, root: Path, name: str) -> Path:
        """The newest file with the content of this model."""
        files = [file for file in root.rglob(name) if file.read_bytes() == model.to_bytes()]
        return max(files, key=lambda file: file.stat().st_mtime_ns)

    @pytest.fixture
    def restored(self, logged) -> Iterator[bytes]:
        """The content of the file, which is restored after the test."""
        content = logged.file.read_bytes()
        yield content
        logged.file.write_bytes(content)

    def test_has_the_digest_of_its_version(self, logged):
        assert logged.version.digest == digest_of(logged.file.read_bytes())
        assert logged.registry.version(logged.version.name).digest == logged.version.digest

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_that_changed_is_refused_before_it_is_read(self, logged, restored, other_model, monkeypatch, damage):
        damaged = damage(restored, other_model.to_bytes())
        if damaged is None:
            logged.file.unlink()
        else:
            logged.file.write_bytes(damaged)
        monkeypatch.setattr(IntentModel, "from_bytes", lambda content: pytest.fail("CatBoost reads a changed file"))
        with pytest.raises(VersionUnfit, match=f"{logged.version.name}.*choose another version"):
            logged.registry.load(logged.version)


class TestFileOfAnEarlierRelease:
    """Its version has no digest."""

    @pytest.fixture
    def version(self, new_local_settings, model) -> ModelVersion:
        logged = log_version(platform_for(new_local_settings()), model)
        return logged.model_copy(update={"digest": None})

    @pytest.fixture
    def read(self, version, tmp_path) -> Callable[[bytes], IntentModel]:
        def read(content: bytes) -> IntentModel:
            (tmp_path / "model.cb").write_bytes(content)
            return read_model(version, tmp_path / "model.cb")

        return read

    def test_still_scores(self, read, model):
        np.testing.assert_array_equal(read(model.to_bytes()).predict(ROWS), model.predict(ROWS))

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"iterations": 5}, "the number of trees is 5 instead of 8"),
            ({"depth": 3}, "depth is 3 instead of 2"),
            ({"learning_rate": 0.2}, "learning_rate is 0.2 instead of 0.1"),
        ],
    )
    def test_is_refused_if_it_is_of_another_version(self, read, changes, named):
        with pytest.raises(VersionUnfit, match=named):
            read(model_of(**changes).to_bytes())

    def test_is_refused_if_it_takes_other_features(self, version, model, tmp_path):
        (tmp_path / "model.cb").write_bytes(model.to_bytes())
        backwards = version.provenance.model_copy(update={"features": FEATURES[::-1]})
        with pytest.raises(VersionUnfit, match="takes the features"):
            read_model(version.model_copy(update={"record": backwards}), tmp_path / "model.cb")

    def test_is_refused_if_it_is_not_a_model(self, read, version):
        with pytest.raises(VersionUnfit, match=f"{version.name}.*not a readable CatBoost model"):
            read(b"not a model")

    @pytest.mark.parametrize("kind", [UnicodeDecodeError("utf-8", b"", 0, 1, "damaged"), MemoryError(), TypeError()])
    def test_is_refused_whatever_catboost_raises(self, read, model, monkeypatch, kind):
        def raise_it(self: object, **arguments: object) -> None:
            raise kind

        content = model.to_bytes()
        monkeypatch.setattr(CatBoostClassifier, "load_model", raise_it)
        with pytest.raises(VersionUnfit, match="not a readable CatBoost model"):
            read(content)


class TestPickle:
    @pytest.fixture
    def refused(self, monkeypatch):
        """Every way to read a pickle fails."""

        def refuse(*arguments: object, **named: object) -> None:
            pytest.fail("a pickle is read")

        monkeypatch.setattr(pickle, "Unpickler", type("Unpickler", (pickle.Unpickler,), {"__init__": refuse}))
        for name in ("pickle.load", "pickle.loads", "joblib.load", "cloudpickle.load", "cloudpickle.loads"):
            monkeypatch.setattr(name, refuse)

    @pytest.mark.usefixtures("refused")
    def test_is_never_read(self, new_local_settings, model):
        platform = platform_for(new_local_settings())
        version = log_version(platform, model)
        platform.registry.load(platform.registry.version(version.name))
        assert prove_fit(platform, version).sessions == 1
