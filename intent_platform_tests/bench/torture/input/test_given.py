"""Inputs of a user: each fault that is planted into an answer or a home is a violation."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from bench.torture.input.command_lines import _ALWAYS, command_lines, options_of
from bench.torture.input.given import Given, Home, changes_of, files_of, violations_of
from bench.torture.input.others import SOURCES, other_inputs
from bench.torture.input.run_configs import CONFIGS
from bench.torture.input.variables import fields
from bench.torture.processes import Ended
from bench.torture.state import HomeState, state_of
from bench.torture.trials import SIZES
from intent_platform.__main__ import command_meanings
from intent_platform.automation.jobs import ASSET_JOBS
from intent_platform.automation.rollback import ROLLBACK_JOB
from intent_platform.settings import load_settings

LONG = "x" * 5_000
GIVEN = Given("prune --keep x", [LONG], lambda: 1)
SOUND = Ended(0, 1, "prune: keep is 0, but at least one version must stay: set it to 1 or more\n", 0.1)
#: By a part of the violation: the end of a process in which it must be seen.
FAULTS = {
    "the process ended: exit code 70": replace(SOUND, code=70, answer=None),
    "the process ended: did not end": replace(SOUND, code=None, answer=None),
    "the process ended: it was killed": replace(SOUND, code=-9, answer=None),
    "the exit status is 3": replace(SOUND, answer=3),
    "a traceback is shown": replace(SOUND, answer=0, output="Traceback (most recent call last):\n"),
    "the answer repeats": replace(SOUND, answer=0, output=LONG),
    "the message has 4 lines": replace(SOUND, output="a\nb\nc\nd\n"),
    "the message has 0 lines": replace(SOUND, output="\n"),
    "and 4,000 characters": replace(SOUND, output="ab" * 2_000),
}
USAGE = "usage: intent-platform [-h]\n    {backup,demo}\n    ...\nintent-platform: error: argument command: no\n"


class TestAnswer:
    def test_of_one_sentence_breaks_nothing(self):
        assert violations_of(GIVEN, SOUND, []) == []

    def test_of_argparse_may_begin_with_the_usage(self):
        assert violations_of(GIVEN, replace(SOUND, answer=2, output=USAGE), []) == []
        assert violations_of(GIVEN, replace(SOUND, answer=2, output=f"{USAGE}a\nb\nc\n"), []) != []

    def test_after_success_may_be_long(self):
        assert violations_of(GIVEN, replace(SOUND, answer=0, output="a\n" * 5_000), []) == []

    @pytest.mark.parametrize("violation", FAULTS)
    def test_with_a_planted_fault_is_a_violation(self, violation):
        (found,) = violations_of(GIVEN, FAULTS[violation], [])
        assert found.startswith("prune --keep x: ")
        assert violation in found

    def test_beside_a_traceback_in_a_file_is_a_violation(self):
        (found,) = violations_of(GIVEN, SOUND, [Path("crashes/a.txt")])
        assert found.endswith("a traceback was written to a.txt")


class TestRefusal:
    @staticmethod
    def wrong(home: Path, state: HomeState, change: Callable[[Path], object], *, refused: bool = True) -> list[str]:
        before = Home(state, files_of(home))
        change(home)
        return changes_of(GIVEN, refused=refused, before=before, after=Home(state_of(home), files_of(home)))

    def test_that_changes_nothing_breaks_nothing(self, home, sound):
        assert self.wrong(home, sound, lambda _: None) == []

    def test_that_leaves_a_file_is_a_violation(self, home, sound):
        (found,) = self.wrong(home, sound, lambda home: (home / "new").touch())
        assert found.endswith("it was refused, and new is new")

    def test_that_deletes_a_file_is_a_violation(self, home, sound):
        (home / "old").touch()
        (found,) = self.wrong(home, sound, lambda home: (home / "old").unlink())
        assert found.endswith("it was refused, and old is gone")

    def test_that_changes_the_state_is_a_violation(self, home, sound):
        other = replace(sound, marks=frozenset())
        found = changes_of(GIVEN, refused=True, before=Home(sound, {}), after=Home(other, {}))
        assert found[-1].endswith("it was refused, and the home differs")

    def test_is_not_an_input_that_was_accepted(self, home, sound):
        assert self.wrong(home, sound, lambda home: (home / "new").touch(), refused=False) == []


class TestAcceptedInput:
    def test_that_breaks_the_home_is_a_violation(self, sound):
        broken = replace(sound, pointer=sound.ledger[1].to_version)
        assert changes_of(GIVEN, refused=False, before=Home(sound, {}), after=Home(broken, {})) != []


@pytest.mark.parametrize("kind", SOURCES)
class TestInputs:
    @staticmethod
    def drawn(kind: str, seed: int, count: int = 60) -> list[tuple[str, tuple[str, ...]]]:
        inputs: Iterator[Given] = SOURCES[kind][0](Random(seed))
        return [(given.case, tuple(given.texts)) for given in islice(inputs, count)]

    def test_are_the_same_for_the_same_seed(self, kind):
        assert self.drawn(kind, 1) == self.drawn(kind, 1)
        assert self.drawn(kind, 1) != self.drawn(kind, 2)

    def test_have_a_case_that_fits_a_report(self, kind):
        assert max(len(case) for case, _ in self.drawn(kind, 1)) < 900

    def test_are_in_every_run(self, kind):
        assert {kind} <= {trial.kind for trial in other_inputs(SIZES["small"], Random(0))}


class TestNumberOfInputs:
    def test_is_that_of_the_size(self):
        trials = [*other_inputs(SIZES["full"], Random(0))]
        assert sum(trial.run.args[1] for trial in trials) == SIZES["full"].inputs  # type: ignore[attr-defined]
        assert len({trial.name for trial in trials}) == len(trials)


class TestCoverage:
    def test_of_settings_is_complete(self):
        names = {(name,) for name, _ in load_settings()}
        assert names <= {*fields()}
        assert ("alerts", "webhook_url") in fields()
        assert ("snowflake", "schema") in fields()

    def test_of_jobs_is_complete(self):
        assert {*CONFIGS} == {ROLLBACK_JOB, *(job.name for job in ASSET_JOBS)}

    def test_of_commands_and_options_is_complete(self):
        words = {word for given in islice(command_lines(Random(0)), 2_000) for word in given.texts}
        assert {*command_meanings()} <= words
        options = {option.option_strings[0] for command in command_meanings() for option in options_of(command)}
        assert options <= words

    def test_lets_no_command_begin_long_work(self):
        for given in islice(command_lines(Random(0)), 2_000):
            mistake = _ALWAYS.get([*given.texts, ""][0])
            assert mistake is None or mistake in given.texts
