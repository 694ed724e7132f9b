"""A kill ends the process where it should, and an operation that writes a day in two halves is found out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench.torture import shim
from bench.torture.__main__ import _chosen_trials
from bench.torture.kills import kills
from bench.torture.operations import OPERATIONS
from bench.torture.trials import SIZES

PROGRAM = "from intent_platform_tests.bench.torture.half_writer import main; main()"


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path | None:
    """The compiled shim; None without Linux or a C compiler."""
    return shim.compiled(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def outcomes(sound_template: Path, library: Path | None, tmp_path_factory) -> dict[str, tuple[list[str], int]]:
    """Violations and kills, by trial."""
    room = tmp_path_factory.mktemp("room")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(room), str(sound_template)],
        env=os.environ if library is None else shim.preloaded_environment(library),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {name: tuple(outcome) for name, outcome in json.loads(done.stdout.splitlines()[-1]).items()}


class TestHalves:
    def test_are_found_after_the_kill(self, outcomes):
        violations, killed = outcomes["halves"]
        assert killed == 1
        assert violations[0] == (
            "after the kill: SCORES of 2024-05-01 has 0 rows, neither the 2 before nor the 1 after"
        )

    def test_leave_a_folder_that_is_found(self, outcomes):
        violations, _ = outcomes["halves"]
        assert "after a repetition and prune there still is: folder .staged-1 of staged sessions" in violations


class TestTransaction:
    def test_breaks_nothing_at_a_step(self, outcomes):
        assert outcomes["whole"] == ([], 1)

    def test_breaks_nothing_at_a_call(self, outcomes, library):
        if library is None:
            pytest.skip("kills at a call need Linux and a C compiler")
        assert outcomes["call"] == ([], 1)


class TestPickle:
    def test_that_an_operation_reads_is_found_out(self, outcomes):
        (failure,), _ = outcomes["unpickled"]
        assert "fractions.Fraction was unpickled by half_writer.py:unpickle" in failure


class TestFullDisk:
    @pytest.fixture(autouse=True)
    def _needs_the_library(self, library):
        if library is None:
            pytest.skip("a full disk needs Linux and a C compiler")

    def test_of_an_operation_that_fails_is_a_violation(self, outcomes):
        (violation,) = outcomes["disk: fill_up"][0]
        assert violation.endswith("OSError: [Errno 28] No space left on device")

    def test_may_be_refused_by_a_sentence(self, outcomes):
        assert outcomes["disk: ask_for_room"] == ([], 0)

    def test_of_an_operation_of_duckdb_is_found(self, outcomes):
        """DuckDB's own error, which the operation does not explain."""
        assert any("failed" in violation for violation in outcomes["disk: write_whole"][0])


class TestTrials:
    @pytest.mark.parametrize("size", SIZES)
    def test_kill_every_operation(self, size):
        kinds = {trial.kind for trial in kills(SIZES[size], Random(0))}
        assert kinds == {f"kill: {operation.name}" for operation in OPERATIONS}

    def test_have_names_of_their_own(self):
        names = [trial.name for trial in kills(SIZES["full"], Random(0))]
        assert len(names) == len({*names})

    def test_can_be_repeated_alone(self):
        name = "kill: rollback, committed"
        assert [trial.name for trial in _chosen_trials(SIZES["full"], 0, name)] == [name]

    def test_can_be_chosen_by_a_part_of_their_name(self):
        assert {trial.kind for trial in _chosen_trials(SIZES["full"], 0, "first start")} == {
            "at once: first starts",
            "kill: first start",
        }
