"""Landing files: each fault that is planted into a load is a violation, and the files depend on the seed alone."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import duckdb
import pytest

from bench.torture.calls import Answer
from bench.torture.homes import NOW
from bench.torture.input import csv_files, landing, names, parquet_files
from bench.torture.input.dropped import Dropped, good_csv, session_rows, uids
from bench.torture.input.judgement import violations_of
from bench.torture.input.landing import _MAKERS, files_of, landing_files
from bench.torture.input.loads import Loaded, broken_rows, load
from bench.torture.trials import SIZES
from intent_platform.partitions import Window, clock_set_to
from intent_platform.sessions.accepted import AcceptedFolder
from intent_platform.tables import SESSION_COLUMNS
from intent_platform_tests.builders.environment import act_as_user

GOOD = Dropped("good", "good.csv", b"1", "loaded", 2, frozenset({"a", "b"}))
BAD = Dropped("bad", "bad.csv", b"2", "refused")
LEFT = Dropped("left", ".left", b"3", "ignored")
FILES = [GOOD, BAD, LEFT]


def digest(file: Dropped) -> str:
    return sha256(file.content or b"").hexdigest()


SOUND = Loaded(
    Answer("the load", "nothing"),
    counts=(2, 2, 0),
    stored=(2, 0),
    uids=frozenset({"a", "b"}),
    told=["/landing/bad.csv is empty: remove the file"],
    waiting={"bad.csv": digest(BAD), ".left": digest(LEFT)},
    accepted=[digest(GOOD)],
)
#: By a part of the violation: the load in which it must be seen.
FAULTS = {
    "the load failed: Traceback": replace(SOUND, answer=Answer("the load", "failed", text="Traceback")),
    "the load failed: refused": replace(SOUND, answer=Answer("the load", "refused", text="refused"), counts=None),
    "3 rows were received, 2 accepted and 0 rejected": replace(SOUND, counts=(3, 2, 0)),
    "are in the tables": replace(SOUND, stored=(1, 0)),
    "the loaded files have 2 rows": replace(SOUND, counts=(3, 2, 1), stored=(2, 1)),
    "1 of its valid rows are not in SOURCE, for example b": replace(SOUND, uids=frozenset({"a"})),
    "1 of its 2 rows were rejected": replace(SOUND, rejected={"good.csv": 1}),
    "good (good.csv): it is in 0 places": replace(SOUND, accepted=[]),
    "good (good.csv): it is in 2 places": replace(SOUND, waiting={**SOUND.waiting, "good.csv": digest(GOOD)}),
    "bad (bad.csv): it is in 0 places": replace(SOUND, waiting={".left": digest(LEFT), "bad.csv": "other content"}),
    "good (good.csv): it was not loaded": replace(
        SOUND, accepted=[], waiting={**SOUND.waiting, "good.csv": digest(GOOD)}
    ),
    "bad (bad.csv): it was loaded": replace(
        SOUND, accepted=[digest(GOOD), digest(BAD)], waiting={".left": digest(LEFT)}
    ),
    "bad (bad.csv): 0 sentences name it": replace(SOUND, told=[]),
    "bad (bad.csv): 2 sentences name it": replace(SOUND, told=[*SOUND.told, *SOUND.told]),
    "left (.left): it was moved": replace(
        SOUND, accepted=[digest(GOOD), digest(LEFT)], waiting={"bad.csv": digest(BAD)}
    ),
    "left (.left): it should be left alone": replace(SOUND, told=[*SOUND.told, "/landing/.left is hidden"]),
    "good (good.csv): it was loaded, and a sentence": replace(SOUND, told=[*SOUND.told, "/landing/good.csv is bad"]),
    "has 2 lines": replace(SOUND, told=["/landing/bad.csv is\nempty"]),
    "characters": replace(SOUND, told=[f"/landing/bad.csv {'is empty ' * 300}"]),
    "wrong rows": replace(SOUND, faults=["wrong rows"]),
}


class TestSoundLoad:
    def test_breaks_nothing(self):
        assert violations_of(FILES, SOUND) == []


@pytest.mark.parametrize("violation", FAULTS)
class TestPlantedFault:
    def test_is_a_violation(self, violation):
        found = violations_of(FILES, FAULTS[violation])
        assert any(violation in sentence.replace("'", "") for sentence in found), found


@pytest.fixture
def load_files(tmp_path: Path, monkeypatch) -> Callable[..., Loaded]:
    """Loads files in a home of the test's own."""
    act_as_user(monkeypatch, home="")  # the patch then restores the variables

    def run(*files: Dropped, by_job: bool = False) -> Loaded:
        with clock_set_to(NOW):
            return load(tmp_path / "home", files, by_job=by_job)

    return run


class TestRealLoad:
    @pytest.mark.parametrize("by_job", [False, True], ids=["by a function", "by a job"])
    def test_of_a_good_and_a_bad_file_breaks_nothing(self, load_files, by_job):
        files = [good_csv(Random(0), "good.csv"), BAD]
        assert violations_of(files, load_files(*files, by_job=by_job)) == []

    def test_that_forgets_to_move_a_file_is_found_out(self, load_files, monkeypatch):
        monkeypatch.setattr(AcceptedFolder, "take", lambda *_: None)
        files = [good_csv(Random(0), "good.csv")]
        assert any("it was not loaded" in violation for violation in violations_of(files, load_files(*files)))

    def test_that_loses_a_file_is_found_out(self, load_files, monkeypatch):
        monkeypatch.setattr(AcceptedFolder, "take", lambda _, path: path.unlink())
        files = [good_csv(Random(0), "good.csv")]
        assert any("it is in 0 places" in violation for violation in violations_of(files, load_files(*files)))

    def test_that_fails_is_found_out(self, load_files, monkeypatch):
        monkeypatch.setattr(AcceptedFolder, "take", lambda *_: 1 / 0)
        (violation,) = violations_of([GOOD], load_files(good_csv(Random(0), "good.csv")))
        assert "ZeroDivisionError" in violation


DAYS = Window(NOW.date().replace(day=1), NOW.date())
VALID = session_rows(Random(0), 1)[0]
WRONG: dict[str, str | None] = {
    **{column.name: "-1" for column in SESSION_COLUMNS if column.minimum == 0},
    "UID": "x",
    "SESSION_DATE": "2026-05-01",
    "MONTH": "April",
    "VISITORTYPE": "",
    "PAGEVALUES": "nan",
    **dict.fromkeys(("WEEKEND", "REVENUE")),
}


class TestBrokenRows:
    def broken(self, row: dict[str, str | None]) -> list[str]:
        with duckdb.connect() as connection:
            columns = ", ".join(f"{c.name} {c.type}" for c in SESSION_COLUMNS)
            connection.execute(f"CREATE TABLE SOURCE ({columns})")
            connection.execute(
                f"INSERT INTO SOURCE VALUES ({', '.join('?' * len(SESSION_COLUMNS))})",
                [row[column.name] for column in SESSION_COLUMNS],
            )
            return broken_rows(connection, DAYS)

    def test_are_none_in_a_valid_session(self):
        assert self.broken(VALID) == []

    @pytest.mark.parametrize("column", [column.name for column in SESSION_COLUMNS])
    def test_are_found_in_every_column(self, column):
        assert self.broken(VALID | {column: WRONG[column]}) == [f"1 rows of SOURCE have a wrong {column}"]


class TestFiles:
    def test_are_the_same_for_the_same_seed(self):
        def drawn(seed: int) -> list[tuple[str, str, bytes | None]]:
            return [(file.case, file.name, file.content) for file in files_of(_MAKERS, Random(seed))]

        assert drawn(1) == drawn(1)
        assert drawn(1) != drawn(2)

    def test_have_names_of_their_own(self):
        files = files_of(_MAKERS, Random(0))
        assert len({file.name for file in files}) == len(files)

    def test_are_of_every_kind_in_a_full_run(self):
        planned = [
            maker
            for trial in landing_files(SIZES["full"], Random(0))
            for _, maker in trial.run.args[0]  # type: ignore[attr-defined]
        ]
        assert len(planned) == SIZES["full"].files
        assert {*csv_files.MAKERS, *names.MAKERS, *parquet_files.MAKERS} <= {*planned}

    def test_know_rows_that_must_be_accepted(self):
        for file in files_of(_MAKERS, Random(0)):
            assert file.rows is None or len(file.sure) <= file.rows

    def test_of_a_good_neighbour_come_again_backwards(self):
        good = good_csv(Random(0), "good.csv")
        again = landing._backwards([GOOD, good], 1)
        assert again.content != good.content
        assert again.sure == good.sure == uids(session_rows(Random(0)))
