"""kill -9 in the middle of a partition: it is as before, and running again completes it."""

import os
import signal
import subprocess
import sys

import pytest

from intent_platform.partitions import Window, day_of
from intent_platform_tests.assets.conftest import Shop

MAY = Window(day_of("2024-05-01"), day_of("2024-06-01"))
SCORE = "UID, SESSION_DATE, MODEL_VERSION, SCORE"

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
    """The job, killed after it wrote rows."""
    died = subprocess.run(
        [sys.executable, "-c", PROGRAM, job, shop.settings.model_dump_json(), table],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert int(died.stdout.split()[-1]) > 0


@pytest.mark.parametrize("scored_before", [False, True])
def test_scores(shop: Shop, scored_before: bool):
    if scored_before:
        shop.run("scores_job", "2024-05-01", "2024-05-31")
    before = shop.rows("SCORES")
    die_in(shop, "scores_job", "SCORES")
    assert shop.rows("SCORES") == before
    shop.run("scores_job", "2024-05-01", "2024-05-31")
    assert [row[:2] for row in shop.rows("SCORES", SCORE)] == [row[:2] for row in shop.rows("DATASET", window=MAY)]


def test_dataset(shop: Shop):
    before = shop.rows("DATASET")
    die_in(shop, "sessions_job", "DATASET")
    assert shop.rows("DATASET") == before
    shop.load()
    assert shop.rows("DATASET") == before


def test_source(shop: Shop):
    before = shop.rows("SOURCE")
    die_in(shop, "sessions_job", "SOURCE")
    assert shop.rows("SOURCE") == before
