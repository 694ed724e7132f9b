"""Model versions on the emulated account, through the ML library: defaults, aliases, metrics and scores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest
import snowflake.connector
from catboost import CatBoostClassifier
from snowflake.snowpark.exceptions import SnowparkSQLException

from intent_platform_tests.snowflake_emulator.conftest import connected, snowpark_session
from intent_platform_tests.snowflake_emulator.server import RunningEmulator


@dataclass
class LoggedModel:
    """The model M with the versions V1 and V2, which the ML library logged in this order from one fitted model."""

    registry: Any
    cursor: Any
    fitted: CatBoostClassifier
    frame: pd.DataFrame

    @property
    def model(self) -> Any:
        return self.registry.get_model("M")

    def log(self, version: str, **dependencies: Any) -> None:
        self.registry.log_model(
            self.fitted,
            model_name="M",
            version_name=version,
            sample_input_data=self.frame.head(2),
            target_platforms=["WAREHOUSE"],
            metrics={"pr_auc": 0.5},
            **dependencies,
            options={"relax_version": False, "enable_explainability": False},
        )


class TestModel:
    """Logging takes seconds, so tests that change versions copy the model with SQL."""

    @pytest.fixture(scope="class")
    @classmethod
    def logged(cls, emulator: RunningEmulator) -> Iterator[LoggedModel]:
        """Tests do not change it."""
        from snowflake.ml.registry import Registry

        random = np.random.default_rng(0)
        frame = pd.DataFrame({"A": random.random(200), "B": random.random(200)})
        fitted = CatBoostClassifier(iterations=5, depth=2, verbose=0, allow_writing_files=False)
        fitted.fit(frame, frame["A"] > 0.5)
        with connected(emulator) as connection, snowpark_session(connection) as snowpark:
            registry = Registry(snowpark, database_name="MLSYSTEM_DEV", schema_name=snowpark.get_current_schema())
            logged = LoggedModel(registry, connection.cursor(), fitted, frame)
            for version in ("V1", "V2"):
                logged.log(version)
            yield logged

    @pytest.fixture
    def copied(self, logged: LoggedModel) -> Iterator[Any]:
        """A model with the versions of M."""
        logged.cursor.execute("CREATE MODEL COPIED WITH VERSION V1 FROM 'snow://model/M/versions/V1/'")
        logged.cursor.execute("ALTER MODEL COPIED ADD VERSION V2 FROM 'snow://model/M/versions/V2/'")
        yield logged.registry.get_model("COPIED")
        logged.cursor.execute("DROP MODEL COPIED")

    def test_needs_its_packages(self, logged: LoggedModel) -> None:
        with pytest.raises(SnowparkSQLException, match=r"Packages not found: .*catboost==1\.2\.10"):
            logged.log("V3", conda_dependencies=["catboost==1.2.10"])

    def test_has_its_first_version_as_default(self, logged: LoggedModel) -> None:
        assert logged.model.default.version_name == "V1"

    def test_keeps_its_default_version(self, logged: LoggedModel) -> None:
        with pytest.raises(Exception, match="default"):
            logged.model.delete_version("V1")

    def test_has_each_version_once(self, logged: LoggedModel) -> None:
        with pytest.raises(Exception, match="already exist"):
            logged.log("V2")

    def test_moves_an_alias_that_was_removed_before(self, copied: Any) -> None:
        copied.version("V1").set_alias("best")
        copied.version("V1").unset_alias("best")
        copied.version("V2").set_alias("best")
        assert copied.version("best").version_name == "V2"

    @pytest.mark.parametrize(("version", "alias"), [("V2", "best"), ("V1", "good")], ids=["twice", "beside another"])
    def test_refuses_an_alias(self, copied: Any, version: str, alias: str) -> None:
        copied.version("V1").set_alias("best")
        with pytest.raises(SnowparkSQLException, match="already"):
            copied.version(version).set_alias(alias)
        assert copied.version("best").version_name == "V1"

    def test_deletes_a_former_default_version(self, copied: Any) -> None:
        copied.default = "V2"
        copied.delete_version("V1")
        assert [version.version_name for version in copied.versions()] == ["V2"]

    def test_keeps_the_metrics_of_a_version(self, logged: LoggedModel) -> None:
        assert logged.model.version("V2").show_metrics() == {"pr_auc": 0.5}

    def test_scores_like_the_fitted_model(self, logged: LoggedModel) -> None:
        scored = logged.model.version("V2").run(logged.frame, function_name="predict_proba")
        np.testing.assert_allclose(scored.to_numpy(), logged.fitted.predict_proba(logged.frame))

    @pytest.mark.usefixtures("copied")
    def test_scores_in_two_sessions_at_once(self, emulator: RunningEmulator, logged: LoggedModel) -> None:
        """Both are the first to ask for this version."""
        schema, together = logged.cursor.connection.schema, Barrier(2)

        def score(_: int) -> Any:
            parameters = {**emulator.connection_parameters, "database": "MLSYSTEM_DEV", "schema": schema}
            with snowflake.connector.connect(**parameters) as connection, connection.cursor() as cursor:
                together.wait()
                cursor.execute("SELECT MODEL(COPIED, V1)!PREDICT_PROBA(0.1, 0.2) AS SCORE")
                return cursor.fetchall()

        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(score, range(2))
        assert one == other
