"""A failure that a person can mend: Dagster shows its message alone, and commands raise it as it was."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from intent_platform.assets.failures import MISTYPED, fails_with_its_message
from intent_platform.definitions import build_definitions
from intent_platform.errors import InvalidVersionName, WarehouseError
from intent_platform.instance import run_job
from intent_platform.settings import Settings


def functions_of(settings: Settings) -> Iterator[Callable[..., Any]]:
    """The function of each asset, check and op that the definitions have."""
    repository = build_definitions(settings).get_repository_def()
    for job in repository.get_all_jobs():
        for node in job.nodes_in_topological_order:
            definition = node.definition
            assert isinstance(definition, dg.OpDefinition)
            yield definition.compute_fn.decorated_fn  # type: ignore[union-attr]
    for checks in repository.asset_checks_defs_by_key.values():
        yield checks.op.compute_fn.decorated_fn  # type: ignore[union-attr]


class TestEveryFunction:
    @pytest.mark.parametrize("feed", ["simulated", "table"])
    def test_fails_with_its_message(self, make_settings, feed):
        decorated = fails_with_its_message(lambda: None)
        functions = list(functions_of(make_settings(feed=feed)))
        assert len(functions) > 20
        assert [f.__name__ for f in functions if f.__code__ is not decorated.__code__] == []


class TestFailedStep:
    @pytest.fixture
    def broken(self, make_settings) -> Settings:
        """Settings of a warehouse whose file is unreadable."""
        settings: Settings = make_settings(feed="simulated", first_day="2025-06-01")
        settings.home.mkdir()
        settings.warehouse_file.write_text("no database")
        return settings

    @pytest.fixture
    def failure(self, broken) -> Any:
        """How Dagster records the step that fails in this warehouse."""
        job = build_definitions(broken).resolve_job_def("scores_job")
        config = {"ops": {"scores": {"config": {"model": "at_the_time"}}}}
        result = job.execute_in_process(partition_key="2025-06-01", run_config=config, raise_on_error=False)
        (event, *_) = [event for event in result.all_events if event.is_step_failure]
        return event.step_failure_data

    def test_shows_the_message(self, failure, broken):
        assert failure.user_failure_data.description.startswith(f"the warehouse {broken.warehouse_file} cannot be")

    def test_shows_no_error_behind_it(self, failure):
        assert (failure.error.cause, failure.error.context) == (None, None)

    def test_is_not_a_mistyped_config(self, failure):
        assert failure.user_failure_data.metadata[MISTYPED].value is False

    def test_of_a_command_is_the_error_itself(self, broken):
        with dg.DagsterInstance.ephemeral() as instance, pytest.raises(WarehouseError) as caught:
            run_job(build_definitions(broken), instance, "sessions_job", partition="2025-06-01")
        assert caught.value.__cause__ is not None, "DuckDB's error"


class TestRetryPolicy:
    def test_does_not_repeat_the_step(self):
        attempts = []

        @dg.op(retry_policy=dg.RetryPolicy(max_retries=3))
        @fails_with_its_message
        def promote() -> None:
            attempts.append(1)
            raise InvalidVersionName("v2 is not a version name")

        @dg.job
        def promoting() -> None:
            promote()

        assert not promoting.execute_in_process(raise_on_error=False).success
        assert len(attempts) == 1
