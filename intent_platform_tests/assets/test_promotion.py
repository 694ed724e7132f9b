"""Promotion: by an evaluation that is still valid, or by a person who overrules the gate."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from intent_platform.errors import InvalidVersionName, PromotionRefused, UnknownVersion
from intent_platform.partitions import day_of, now, wall_clock
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.platforms.ledger import read_ledger
from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop


class TestPromotion:
    def test_of_the_first_version_is_in_the_ledger(self, shop):
        assert shop.ledger() == [(None, shop.champion, "first")]

    @pytest.mark.parametrize("since", ["another champion", "a move", "nothing"])
    def test_is_pending_while_nothing_happened_since(self, shop, since):
        """It is about the champion of its evaluation, and about the time before the next move."""
        champion = shop.champion
        with shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM EVALUATIONS")
            connection.execute(
                "INSERT INTO EVALUATIONS SELECT :month, 'v_240601_000000', :champion, :month, :month, 1, 1, 0.9, 0.8, "
                "0, 1, 'promote', '[]', '{}', :at, 'r'",
                month=day_of("2024-06-01"),
                champion="v_240401_000000" if since == "another champion" else champion,
                at=wall_clock(now() - timedelta(days=1) if since == "a move" else now()),
            )
            pending = pending_promotion(connection, read_ledger(connection), champion)
        assert (pending is not None) == (since == "nothing")


def forcing(version: str, reason: str = "marketing asked for it") -> dict[str, object]:
    """The run config of a forced promotion."""
    return {"ops": {"champion_alias": {"config": {"force": version, "reason": reason}}}}


class TestForce:
    class Forced(NamedTuple):
        """A quarantined version that a person made champion, and the champion before it."""

        shop: Shop
        before: str
        version: str

    @pytest.fixture(scope="class")
    @classmethod
    def forced(cls, open_crowned_shop: OpenCrownedShop) -> Iterator[Forced]:
        with open_crowned_shop() as shop:
            champion = shop.champion
            shop.run("training_job", "2024-06-01")
            registry, version = shop.platform.registry, shop.other
            registry.set_quarantine(registry.version(version), "rolled back from: a test")
            shop.run("promotion_job", config=forcing(version))
            yield cls.Forced(shop, champion, version)

    def test_makes_the_named_version_champion(self, forced):
        assert forced.shop.champion == forced.version

    def test_lifts_the_quarantine(self, forced):
        assert forced.shop.platform.registry.version(forced.version).quarantine is None

    def test_is_in_the_ledger(self, forced):
        assert forced.shop.ledger()[-1] == (forced.before, forced.version, "force")

    def test_changes_nothing_when_it_is_repeated(self, forced):
        forced.shop.run("promotion_job", config=forcing(forced.version))
        assert (forced.shop.champion, len(forced.shop.ledger())) == (forced.version, 2)

    def test_is_not_undone_by_the_next_promotion_job(self, forced):
        forced.shop.run("promotion_job")
        assert (forced.shop.champion, len(forced.shop.ledger())) == (forced.version, 2)

    @pytest.mark.parametrize(
        ("version", "reason", "error"),
        [
            pytest.param("v_000101_000000", "why not", UnknownVersion, id="unknown version"),
            pytest.param("it", "why not", InvalidVersionName, id="invalid name"),
            pytest.param(None, " ", PromotionRefused, id="without reason"),
        ],
    )
    def test_needs_a_version_and_a_reason(self, shop, version, reason, error):
        with pytest.raises(error):
            shop.run("promotion_job", config=forcing(version or shop.champion, reason))
        assert len(shop.ledger()) == 1
