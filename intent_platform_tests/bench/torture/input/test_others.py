"""A trial finds out an input whose answer is wrong. It forks, so it runs in a process of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bench.torture.homes import Room
from bench.torture.input.given import Given
from bench.torture.input.others import _give_all
from bench.torture.runner import import_everything
from intent_platform.__main__ import main as command
from intent_platform.settings import load_settings

PROGRAM = "from intent_platform_tests.bench.torture.input.test_others import main; main()"


def leave_a_file() -> int:
    """Refuse the input, but leave a file."""
    print("it is refused")
    (load_settings().home / "left").touch()
    return 1


def wrong_inputs(_: Random) -> Iterator[Given]:
    """A good one, one that raises, one that leaves a file, and a good one."""
    refused = Given("refused", [], lambda: command(["prune", "--keep", "0"]))
    yield from (
        refused,
        Given("mistyped", [], lambda: command(["prune", "--keep", "x"])),
        Given("raising", [], lambda: 1 // 0),
        Given("leaving", [], leave_a_file),
        refused,
    )


def main() -> None:
    """Give the inputs, and print the violations as JSON."""
    import_everything()
    print(json.dumps([*_give_all(wrong_inputs, 5, Room(Path(sys.argv[1])), Random(0)).violations]))


@pytest.fixture(scope="module")
def violations(sound_template: Path, tmp_path_factory) -> list[str]:
    """The violations of the inputs."""
    room = tmp_path_factory.mktemp("room")
    shutil.copytree(sound_template, room / "shop")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(room)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


class TestTrial:
    def test_finds_an_answer_that_is_a_traceback(self, violations):
        (found,) = (violation for violation in violations if "raising" in violation)
        assert found.startswith("input 3, raising: the process ended: exit code 70")
        assert "ZeroDivisionError" in found

    def test_finds_a_file_that_a_refused_input_left(self, violations):
        (found,) = (violation for violation in violations if "leaving" in violation)
        assert found == "input 4, leaving: it was refused, and left is new"

    def test_finds_no_fault_of_a_refusal_in_one_sentence(self, violations):
        assert len(violations) == 2
