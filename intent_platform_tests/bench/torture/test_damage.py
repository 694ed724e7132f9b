"""Each way in which a damaged home may break its promise is found."""

import os
import socket
from pathlib import Path
from random import Random

import pytest

from bench.torture.calls import Answer
from bench.torture.damage import CUTS, damage, damaged
from bench.torture.full_disk import full_disk
from bench.torture.listeners import open_to_others, processes_of
from bench.torture.operations import OPERATIONS, _restore_violations
from bench.torture.parts import PARTS
from bench.torture.permissions import BARRIERS, permissions
from bench.torture.places import _QUESTIONS, places
from bench.torture.questions import QUESTIONS, broken_answer, broken_repair, crashes_in
from bench.torture.servers import scored_in_part, servers
from bench.torture.state import HomeState
from bench.torture.trials import SIZES

SENTENCE = "mlflow.db is damaged: restore it"
BROKEN = {
    "asked failed: Traceback": Answer("asked", "failed", text="Traceback\nKeyError"),
    "asked answered 2 instead of 1": Answer("asked", "nothing", result=2),
    "asked was refused with more than a sentence": Answer("asked", "refused", text=f"{SENTENCE}\nand more"),
    "asked was refused without the name mlflow.db": Answer("asked", "refused", text="restore it"),
    "asked was refused without a way out": Answer("asked", "refused", text="mlflow.db is damaged"),
}


class TestAnswer:
    @pytest.mark.parametrize("violation", BROKEN)
    def test_that_breaks_the_promise_is_a_violation(self, violation):
        found = broken_answer(BROKEN[violation], 1, ["mlflow.db"], ["restore"])
        assert any(violation in one for one in found)

    @pytest.mark.parametrize(
        "answer", [Answer("asked", "nothing", result=1), Answer("asked", "refused", text=SENTENCE)]
    )
    def test_that_keeps_it_is_none(self, answer):
        assert broken_answer(answer, 1, ["mlflow.db"], ["restore"]) == []

    def test_after_a_repair_is_that_of_an_undamaged_home(self):
        assert broken_repair(Answer("asked", "nothing", result=1), 1, "a repair") == []
        assert broken_repair(Answer("asked", "refused", text=SENTENCE), 1, "a repair") == [
            f"asked after a repair: {SENTENCE}"
        ]

    def test_may_leave_no_traceback_in_the_home(self, tmp_path):
        assert crashes_in(tmp_path) == []
        (tmp_path / "crashes").mkdir()
        (tmp_path / "crashes" / "one.txt").touch()
        assert crashes_in(tmp_path) == ["a traceback was left in crashes/one.txt"]


class TestDamage:
    @pytest.mark.parametrize("kind", [*CUTS, "bit flip 1"])
    def test_changes_the_content(self, kind):
        assert damaged(b"content", kind, (), Random(0))[0] != b"content"

    def test_may_be_a_single_bit_near_a_text(self):
        content = b"before" + b"\0" * 9_000 + b"aim" + b"\0" * 9_000
        for seed in range(20):
            changed, _ = damaged(content, "bit flip 1", (b"aim",), Random(seed))
            assert changed is not None
            (place,) = (number for number, byte in enumerate(content) if byte != changed[number])
            assert content.index(b"aim") <= place < content.index(b"aim") + 3
            assert (content[place] ^ changed[place]).bit_count() == 1

    def test_is_asked_about_with_known_questions(self):
        asked = {question for part in PARTS for question in part.questions} | {*_QUESTIONS}
        asked |= {question for barrier in BARRIERS for question in barrier.questions}
        assert asked <= {*QUESTIONS}


class TestTrials:
    @pytest.mark.parametrize("kind", [damage, permissions, places])
    def test_of_a_small_run_are_a_sample(self, kind):
        few, all_ = ([trial.name for trial in kind(SIZES[size], Random(0))] for size in ("small", "full"))
        assert len(few) == SIZES["small"].damages
        assert {*few} < {*all_}
        assert len(all_) == len({*all_})

    def test_of_a_full_disk_need_the_library(self):
        assert [*full_disk(SIZES["full"], Random(0))] == []

    def test_of_make_dev_are_left_out_of_a_small_run(self):
        assert [*servers(SIZES["small"], Random(0))] == []
        assert len([*servers(SIZES["full"], Random(0))]) == 5


class TestHalfRestoredHome:
    def test_must_refuse_connections(self, home: Path):
        (home / "warehouse.duckdb").unlink()
        assert _restore_violations(home.parent, HomeState(), ended=False) == []

    def test_must_not_get_an_empty_warehouse(self, tmp_path: Path):
        assert _restore_violations(tmp_path, HomeState(), ended=False) == [
            "a half restored home got an empty warehouse"
        ]

    def test_must_be_the_old_one_or_the_new_one(self, home, sound):
        mixed = HomeState(days=sound.days, ledger=sound.ledger, pointer=sound.ledger[1].to_version)
        assert _restore_violations(home.parent, sound, ended=False) == []
        assert _restore_violations(home.parent, mixed, ended=False) != []

    def test_is_tried(self):
        assert "restore" in {operation.name for operation in OPERATIONS}


class TestKilledServer:
    def test_must_not_score_a_day_in_part(self, sound):
        assert scored_in_part(sound, HomeState(), sound) == []
        day = {**sound.days["SCORES"], "2024-05-01": sound.days["SCORES"]["2024-05-02"]}
        assert len(scored_in_part(HomeState(days={"SCORES": day}), HomeState(), sound)) == 1

    @pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux lists the sockets")
    def test_must_listen_on_the_loopback_address_only(self):
        with socket.create_server(("127.0.0.1", 0)):
            assert open_to_others([os.getpid()]) == []
        with socket.create_server(("0.0.0.0", 0)):
            (found,) = open_to_others([os.getpid()])
        assert found.endswith("is open to other machines (address 00000000)")

    def test_is_not_this_process(self, home):
        assert processes_of(home) == []
