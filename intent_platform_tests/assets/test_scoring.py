"""Scoring: every session of a day gets a score by the version that the run config chooses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from intent_platform.errors import NoChampion, UnknownVersion
from intent_platform.partitions import Window, day_of, trailing_window
from intent_platform.pipeline.promotion import roll_back_to
from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop

MAY = Window(day_of("2024-05-01"), day_of("2024-06-01"))
SCORE = "UID, SESSION_DATE, MODEL_VERSION, SCORE"


@dataclass
class ScoredMay:
    """A shop after one run that scored May, the result of the run, and the scores."""

    shop: Shop
    result: Any
    scores: list[tuple[Any, ...]]


class TestScores:
    @pytest.fixture(scope="class")
    @classmethod
    def scored(cls, open_crowned_shop: OpenCrownedShop) -> Iterator[ScoredMay]:
        with open_crowned_shop() as shop:
            result = shop.run("scores_job", MAY.keys[0], MAY.keys[-1])
            yield ScoredMay(shop, result, shop.rows("SCORES", SCORE))

    def test_pass_their_checks(self, scored):
        assert all(evaluation.passed for evaluation in scored.result.get_asset_check_evaluations())

    def test_are_one_for_each_session(self, scored):
        sessions = [row[:2] for row in scored.shop.rows("DATASET", window=MAY)]
        assert [row[:2] for row in scored.scores] == sessions

    def test_are_those_of_the_champion(self, scored):
        assert {row[2] for row in scored.scores} == {scored.shop.champion}

    def test_equal_those_of_the_model_in_memory(self, scored):
        with scored.shop.platform.warehouse.connect() as connection:
            rows = connection.fetch("SELECT * FROM DATASET WHERE SESSION_DATE >= :start ORDER BY UID", start=MAY.start)
        registry = scored.shop.platform.registry
        model = registry.load(registry.version(scored.shop.champion))
        in_memory = dict(zip(rows["UID"].to_pylist(), model.predict(rows), strict=True))
        assert {row[0]: row[3] for row in scored.scores} == pytest.approx(
            {row[0]: in_memory[row[0]] for row in scored.scores}, rel=1e-9
        )

    def test_of_a_day_equal_those_of_the_range(self, scored):
        for day in ("2024-05-09", "2024-05-10"):
            scored.shop.run("scores_job", day)
        assert scored.shop.rows("SCORES", SCORE) == scored.scores

    def test_need_a_champion(self, empty_shop):
        empty_shop.load()
        with pytest.raises(NoChampion, match="challenger_model"):
            empty_shop.run("scores_job", "2024-05-01")
        assert empty_shop.rows("SCORES") == []


class TestScoresDuringAMove:
    """Somebody rolls back after a run has loaded its model and before it writes."""

    @pytest.fixture(scope="class")
    @classmethod
    def scored(cls, open_crowned_shop: OpenCrownedShop) -> Iterator[Shop]:
        with open_crowned_shop() as shop:
            shop.run("training_job", "2024-06-01")
            registry = type(shop.platform.registry)
            load = registry.scoring_model
            target = shop.platform.registry.version(shop.other)

            def roll_back_meanwhile(self, version):
                patch.undo()
                scoring_model = load(self, version)
                roll_back_to(shop.platform, target, "a test", run_id="r")
                return scoring_model

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(registry, "scoring_model", roll_back_meanwhile)
                shop.run("scores_job", "2024-05-09")
            yield shop

    def test_are_those_of_the_new_champion(self, scored):
        assert {row[2] for row in scored.rows("SCORES", SCORE)} == {scored.champion}

    def test_name_the_move_that_made_it_champion(self, scored):
        assert set(scored.rows("SCORES", "CHOSEN_AS, MOVE")) == {("champion", 2)}

    def test_pass_their_check(self, scored):
        assert "scores:scores_are_the_champions" not in scored.failing_checks()


class TestModelChoice:
    """Each test scores a day of its own."""

    @pytest.fixture(scope="class")
    @classmethod
    def choosing(cls, open_crowned_shop: OpenCrownedShop) -> Iterator[Shop]:
        """A shop with a second version. Its champion counts as such since 5 June."""
        with open_crowned_shop() as shop:
            shop.run("training_job", "2024-06-01")
            with shop.platform.warehouse.connect(writing=True) as connection:
                connection.execute("UPDATE CHAMPION_HISTORY SET EFFECTIVE_DATE = :day", day=day_of("2024-06-05"))
            yield shop

    @staticmethod
    def score(shop: Shop, day: str, model: str) -> None:
        shop.run("scores_job", day, config={"ops": {"scores": {"config": {"model": model}}}})

    @staticmethod
    def versions_on(shop: Shop, day: str) -> set[str]:
        """The versions that scored a day."""
        return {row[2] for row in shop.rows("SCORES", SCORE, trailing_window(day_of(day), 1))}

    @staticmethod
    def choices_on(shop: Shop, day: str) -> set[tuple[str, int]]:
        """How the versions of a day were chosen, and after which move."""
        return set(shop.rows("SCORES", "CHOSEN_AS, MOVE", trailing_window(day_of(day), 1)))

    def test_may_name_a_version(self, choosing):
        self.score(choosing, "2024-06-03", choosing.other)
        assert self.versions_on(choosing, "2024-06-03") == {choosing.other}
        assert self.choices_on(choosing, "2024-06-03") == {("version", 1)}

    def test_may_be_the_champion_at_the_time(self, choosing):
        self.score(choosing, "2024-06-06", choosing.other)
        self.score(choosing, "2024-06-06", "at_the_time")
        assert self.versions_on(choosing, "2024-06-06") == {choosing.champion}
        assert self.choices_on(choosing, "2024-06-06") == {("at_the_time", 1)}

    @pytest.mark.parametrize(
        ("day", "model", "error", "message"),
        [
            pytest.param("2024-06-04", "at_the_time", NoChampion, "2024-06-04", id="before the first champion"),
            pytest.param("2024-06-07", "v_000101_000000", UnknownVersion, "v_000101_000000", id="unknown version"),
        ],
    )
    def test_that_is_refused_leaves_the_scores(self, choosing, day, model, error, message):
        self.score(choosing, day, choosing.other)
        with pytest.raises(error, match=message):
            self.score(choosing, day, model)
        assert self.versions_on(choosing, day) == {choosing.other}
