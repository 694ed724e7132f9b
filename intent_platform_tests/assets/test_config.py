"""Nulls in the run configs."""

import dagster as dg
import pytest

from intent_platform.assets.champion_alias import ChampionAliasConfig
from intent_platform.assets.scores import ScoresConfig
from intent_platform.automation.rollback import RollbackConfig


@pytest.mark.parametrize("kind", [ChampionAliasConfig, RollbackConfig, ScoresConfig])
def test_a_null_in_a_run_config_is_the_default(kind):
    got = []

    @dg.op
    def reads(config: kind):  # type: ignore[valid-type]  # Dagster reads the class from here
        got.append(config)

    @dg.job
    def job():
        reads()

    nulls = dict.fromkeys(kind.model_fields)
    job.execute_in_process({"ops": {"reads": {"config": nulls}}})
    assert got == [kind()]
