"""Evaluation: when a month can be evaluated, on which test window, and with which decision."""

from datetime import datetime

import pytest

from intent_platform.errors import EvaluationRefused
from intent_platform.partitions import TIMEZONE, Window, clock_set_to, day_of, evaluation_window
from intent_platform.pipeline.evaluation import gather
from intent_platform.platforms.versions import Provenance
from intent_platform_tests.assets.conftest import MONTHS


class TestEvaluation:
    def test_needs_a_challenger(self, shop):
        with pytest.raises(EvaluationRefused, match="2024-06 has no challenger"):
            shop.run("evaluation_job", "2024-06-01")

    def test_waits_until_its_test_window_is_over(self, shop):
        shop.run("training_job", "2024-06-01")
        with (
            clock_set_to(datetime(2024, 6, 14, 23, tzinfo=TIMEZONE)),
            pytest.raises(EvaluationRefused, match="is not over: evaluate from 2024-06-15 on"),
        ):
            shop.run("evaluation_job", "2024-06-01")
        with clock_set_to(datetime(2024, 6, 15, tzinfo=TIMEZONE)):
            assert shop.run("evaluation_job", "2024-06-01").success

    def test_promotes_the_first_version_and_then_holds(self, shop):
        """The second evaluation compares the champion with itself."""
        champion = shop.champion
        shop.run("evaluation_job", "2024-05-01")
        with shop.platform.warehouse.connect() as connection:
            decisions = connection.fetch("SELECT CHAMPION, DECISION FROM EVALUATIONS ORDER BY DECIDED_AT").to_pylist()
        assert [tuple(row.values()) for row in decisions] == [("", "promote"), (champion, "hold")]
        assert shop.ledger() == [(None, champion, "first")]


class TestTestWindow:
    """The champion of May meets a challenger of September, trained on June to August. Neither was trained on May."""

    @pytest.fixture
    def gathered(self, shop):
        """Gather the rows of both versions from a thin test window, with changes of the gate settings."""
        champion = shop.platform.registry.version(shop.champion)
        september = {"training_window": Window(day_of("2024-06-01"), day_of("2024-09-01"))}
        provenance = Provenance.model_validate(champion.provenance.model_dump() | september)
        challenger = champion.model_copy(update={"record": provenance})

        def gathered(**changes: object):
            gate = shop.settings.gate.model_copy(update={"pool_below_purchases": 10, **changes})
            return gather(shop.platform, challenger, champion, evaluation_window("2024-09-01", 14), gate)

        return gathered

    def test_is_joined_by_months_that_neither_was_trained_on(self, gathered):
        head_to_head = gathered(pool_months=6)
        assert head_to_head.pooled == (Window(day_of("2024-05-01"), day_of("2024-06-01")),)
        assert len(head_to_head.labels) == len(head_to_head.days) == MONTHS["May"]

    def test_stays_alone_without_months_to_pool(self, gathered):
        assert len(gathered(pool_months=0).labels) == 0
