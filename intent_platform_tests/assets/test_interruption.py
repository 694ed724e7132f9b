"""A run killed with SIGKILL in the middle of a partition: the tables stay as they were, and another completes it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from intent_platform.partitions import Window, day_of
from intent_platform_tests.assets.conftest import OpenCrownedShop, Shop

MAY = Window(day_of("2024-05-01"), day_of("2024-06-01"))

#: Runs a job in a process of its own that dies by SIGKILL once the new rows are written and not yet committed.
PROGRAM = """
import os, signal, sys
import dagster as dg
from intent_platform.definitions import build_definitions
from intent_platform.platforms.local.warehouse import DuckDBConnection
from intent_platform.settings import Settings

job, settings = sys.argv[1], Settings.model_validate_json(sys.argv[2])
execute = DuckDBConnection.execute

def execute_and_die(self, sql, **values):
    rows = execute(self, sql, **values)
    if sql.lstrip().startswith("INSERT INTO " + sys.argv[3] + " "):
        print(rows, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return rows

DuckDBConnection.execute = execute_and_die
tags = {"dagster/asset_partition_range_start": "2024-05-01", "dagster/asset_partition_range_end": "2024-05-31"}
with dg.DagsterInstance.ephemeral() as instance:
    build_definitions(settings).resolve_job_def(job).execute_in_process(instance=instance, tags=tags)
"""


def die_in(shop: Shop, job: str, table: str) -> None:
    """Run the job over May in a process that is killed after it wrote rows into the table."""
    died = subprocess.run(
        [sys.executable, "-c", PROGRAM, job, shop.settings.model_dump_json(), table],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert int(died.stdout.split()[-1]) > 0


@dataclass
class KilledRun:
    """A shop whose run over May was killed, and the rows of a table before the run and after it."""

    shop: Shop
    before: Any
    after: Any


class TestKilledScoring:
    @pytest.fixture(scope="class", params=[False, True], ids=["first scores", "scored before"])
    @classmethod
    def killed(cls, request, open_crowned_shop: OpenCrownedShop) -> Iterator[KilledRun]:
        with open_crowned_shop() as shop:
            if request.param:
                shop.run("scores_job", MAY.keys[0], MAY.keys[-1])
            before = shop.rows("SCORES")
            die_in(shop, "scores_job", "SCORES")
            yield KilledRun(shop, before, shop.rows("SCORES"))

    def test_leaves_the_scores_as_they_were(self, killed):
        assert killed.after == killed.before

    def test_is_completed_by_another_run(self, killed):
        killed.shop.run("scores_job", MAY.keys[0], MAY.keys[-1])
        scored = killed.shop.rows("SCORES", "UID, SESSION_DATE")
        assert scored == killed.shop.rows("DATASET", "UID, SESSION_DATE", MAY)


class TestKilledLoad:
    @pytest.fixture(scope="class", params=["DATASET", "SOURCE"])
    @classmethod
    def killed(cls, request, open_crowned_shop: OpenCrownedShop) -> Iterator[KilledRun]:
        with open_crowned_shop() as shop:
            sessions, rows = shop.loaded_rows(), shop.rows(request.param)
            die_in(shop, "sessions_job", request.param)
            yield KilledRun(shop, (sessions, rows), (shop.loaded_rows(), shop.rows(request.param)))

    def test_leaves_the_rows_as_they_were(self, killed):
        assert killed.after == killed.before

    def test_is_completed_by_another_run(self, killed):
        killed.shop.load()
        sessions, _ = killed.before
        assert killed.shop.loaded_rows() == sessions
