"""Rollback: it restores the previous champion, and the version that it replaces stays out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from intent_platform.assets.champion_alias import ASSET
from intent_platform.definitions import build_definitions
from intent_platform.errors import InvalidVersionName, NoChampion, UnknownVersion
from intent_platform.partitions import day_of, now
from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop

SCORE = "UID, SESSION_DATE, MODEL_VERSION, SCORE"


def rollback(version: str = "", reason: str = "a test") -> dict[str, object]:
    """The run config of a rollback."""
    return {"ops": {"rollback_champion": {"config": {"version": version, "reason": reason}}}}


def score_june(shop: Shop) -> list[tuple[Any, ...]]:
    """Score June with the champion. Returns the scores."""
    shop.run("scores_job", "2024-06-01", "2024-06-30")
    return shop.rows("SCORES", SCORE)


def decide_for(shop: Shop, challenger: str) -> None:
    """Record that the evaluation of June promotes this version, whichever of the two is better."""
    with shop.platform.warehouse.connect(writing=True) as connection:
        connection.execute(
            "INSERT INTO EVALUATIONS SELECT :month, :second, :first, :month, :month, 1, 1, 0.9, 0.8, 0, 1, 'promote', "
            "'[\"made for the test\"]', '{}', :at, 'r'",
            month=day_of("2024-06-01"),
            second=challenger,
            first=shop.champion,
            at=now().replace(tzinfo=None),
        )


@dataclass
class RolledBackShop:
    """A shop before a promotion, after it, after the rollback, and after everything that might undo the rollback."""

    first: str
    second: str
    scores_before: list[tuple[Any, ...]]
    promoted: str
    result: Any
    restored: str
    ledger: list[tuple[str | None, str, str]]
    champion_at_the_end: str
    ledger_at_the_end: list[tuple[str | None, str, str]]
    scores_at_the_end: list[tuple[Any, ...]]


class TestRollback:
    @pytest.fixture(scope="class")
    @classmethod
    def rolled_back(cls, open_crowned_shop: OpenCrownedShop) -> Iterator[RolledBackShop]:
        """At the end the old decision is carried out again, and June is evaluated and scored again."""
        with open_crowned_shop() as shop:
            gate = shop.settings.gate.model_copy(update={"policy": "greater"})
            shop.settings = shop.settings.model_copy(update={"gate": gate})
            first, scores_before = shop.champion, score_june(shop)
            shop.run("training_job", "2024-06-01")
            second = shop.other
            decide_for(shop, second)
            shop.materialize_alias()
            promoted = shop.champion
            result = shop.run("rollback", config=rollback())
            restored, ledger = shop.champion, shop.ledger()
            shop.materialize_alias()
            shop.run("evaluation_job", "2024-06-01")
            yield RolledBackShop(
                first=first,
                second=second,
                scores_before=scores_before,
                promoted=promoted,
                result=result,
                restored=restored,
                ledger=ledger,
                champion_at_the_end=shop.champion,
                ledger_at_the_end=shop.ledger(),
                scores_at_the_end=score_june(shop),
            )

    def test_restores_the_previous_champion(self, rolled_back):
        assert (rolled_back.promoted, rolled_back.restored) == (rolled_back.second, rolled_back.first)

    def test_is_in_the_ledger(self, rolled_back):
        first, second = rolled_back.first, rolled_back.second
        assert rolled_back.ledger == [
            (None, first, "first"),
            (first, second, "promotion"),
            (second, first, "rollback"),
        ]

    def test_is_a_materialization_of_the_alias(self, rolled_back):
        """It shows on the asset as a materialization by the asset itself does."""
        events = rolled_back.result.get_asset_materialization_events()
        assert [event.asset_key.to_user_string() for event in events] == ["champion_alias"]

    def test_runs_the_checks_of_the_alias(self, rolled_back):
        evaluations = rolled_back.result.get_asset_check_evaluations()
        assert {evaluation.check_name: evaluation.passed for evaluation in evaluations} == {
            "champion_scores": True,
            "pointer_matches_ledger": True,
        }

    def test_is_not_undone_by_a_decision_or_an_evaluation(self, rolled_back):
        assert rolled_back.champion_at_the_end == rolled_back.first
        assert len(rolled_back.ledger_at_the_end) == 3

    def test_restores_the_scores(self, rolled_back):
        assert rolled_back.scores_at_the_end == rolled_back.scores_before

    def test_to_the_champion_changes_nothing(self, shop):
        champion = shop.champion
        shop.run("rollback", config=rollback(champion))
        assert len(shop.ledger()) == 1
        assert shop.platform.registry.version(champion).quarantine is None


class TestRefusedRollback:
    @pytest.mark.parametrize(
        ("version", "error"),
        [
            pytest.param("v_000101_000000", UnknownVersion, id="unknown version"),
            pytest.param("yesterday's", InvalidVersionName, id="invalid name"),
            pytest.param("", NoChampion, id="without previous champion"),
        ],
    )
    def test_leaves_the_champion(self, shop, version, error):
        champion = shop.champion
        with pytest.raises(error):
            shop.run("rollback", config=rollback(version))
        assert shop.champion == champion
        assert shop.platform.registry.version(champion).quarantine is None
        assert len(shop.ledger()) == 1

    def test_says_that_there_was_never_a_champion(self, empty_shop):
        with pytest.raises(NoChampion, match="none was ever promoted"):
            empty_shop.run("rollback", config=rollback())


def test_alias_is_one_of_the_registered_assets(settings):
    """The rollback job records its move on the asset by name."""
    keys = build_definitions(settings).resolve_asset_graph().get_all_asset_keys()
    names = ("source", "dataset", "challenger_model", "evaluation", ASSET, "scores", "monitoring")
    assert keys == {dg.AssetKey(name) for name in names}
