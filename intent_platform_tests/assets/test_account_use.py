"""The number of statements and logins that each step needs on Snowflake, as docs/snowflake.md states them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intent_platform_tests.assets.conftest import open_shop
from intent_platform_tests.assets.test_both_platforms import snowflake_shop_settings
from intent_platform_tests.builders.sensors import evaluate
from intent_platform_tests.conftest import created_schema

DOCUMENT = Path(__file__).parents[2] / "docs" / "snowflake.md"
HEADING = ["| step | statements | logins |", "|---|---:|---:|"]


@pytest.fixture(scope="module")
def table(tmp_path_factory, made_csv, emulator) -> list[str]:
    """The table, made from a shop with two trained months. Each step begins without a login."""
    rows = list(HEADING)

    @contextmanager
    def counted(step: str) -> Iterator[None]:
        statements, logins = len(emulator.statements), emulator.logins_made
        yield
        rows.append(f"| {step} | {len(emulator.statements) - statements} | {emulator.logins_made - logins} |")

    settings = snowflake_shop_settings(tmp_path_factory.mktemp("snowflake") / "home", made_csv, emulator)
    with created_schema(settings), open_shop(settings) as shop:
        shop.load()
        shop.run("training_job", "2024-05-01")
        with counted("the evaluation that makes the first champion"):
            shop.run("evaluation_job", "2024-05-01")
        with counted("sessions of a day: `source`, `dataset` and their checks"):
            shop.run("sessions_job", "2024-06-28")
        with counted("scores of a day: `scores`, `monitoring` and their checks"):
            shop.run("scores_job", "2024-06-28")
        with counted("training: `challenger_model` and its check"):
            shop.run("training_job", "2024-06-01")
        with counted("the evaluation of a later month, which moves nothing"):
            shop.run("evaluation_job", "2024-06-01")
        other = {"force": shop.other, "reason": "a test", "effective_date": "2024-06-15"}
        with counted("a promotion that a person asks for"):
            shop.run("promotion_job", config={"ops": {"champion_alias": {"config": other}}})
        with counted("a rollback to the previous champion"):
            shop.run("rollback", config={"ops": {"rollback_champion": {"config": {"reason": "a test"}}}})
        for sensor in ("champion_sensor", "catch_up_sensor"):
            with counted(f"a tick of `{sensor}`"):
                evaluate(settings, sensor, shop.instance)
    return rows


def test_document_states_the_account_use(table):
    assert "\n".join(table) in DOCUMENT.read_text(), "\n".join(["write this table:", *table])
