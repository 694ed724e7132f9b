"""A landing file is read through once: by which process and in which tick does not matter."""

import threading
from datetime import date

import pytest
from pyarrow import csv

from intent_platform.errors import FeedError
from intent_platform.partitions import Window
from intent_platform.sessions import file_scans, files
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings.feeds import LandingSettings
from intent_platform_tests.builders.sessions import landing_rows

MONDAY = Window(date(2024, 5, 13), date(2024, 5, 14))


@pytest.fixture
def feed(tmp_path):
    return LandingFeed(tmp_path, date(2024, 1, 1), LandingSettings(done_files=False, quiet_seconds=0))


@pytest.fixture
def dropped(feed):
    path = feed.folder / "monday.csv"
    csv.write_csv(landing_rows(MONDAY.start, 4), path)
    return path


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The names of the files that are read through."""
    read: list[str] = []
    before = files.read_batches

    def noted(path, columns):
        read.append(path.name)
        return before(path, columns)

    monkeypatch.setattr(file_scans, "read_batches", noted)
    return read


def in_another_process() -> None:
    """What this process remembers is forgotten."""
    file_scans.scan_file.cache_clear()


def test_another_process_does_not_read_a_file_again(feed, dropped, reads):
    first = feed.pending()
    in_another_process()
    assert feed.pending() == first
    assert [file.span for file in first] == [MONDAY]
    assert reads == [dropped.name]


def test_a_file_that_changed_is_read_again(feed, dropped, reads):
    feed.pending()
    csv.write_csv(landing_rows(date(2024, 5, 14), 6), dropped)
    in_another_process()
    assert [file.span for file in feed.pending()] == [Window(date(2024, 5, 14), date(2024, 5, 15))]
    assert reads == [dropped.name] * 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"size": 1}'])
def test_a_note_that_says_nothing_makes_the_file_be_read(feed, dropped, reads, text):
    first = feed.pending()
    (note,) = (feed.folder / ".scans").iterdir()
    note.write_text(text)
    in_another_process()
    assert feed.pending() == first
    assert reads == [dropped.name] * 2


def test_which_days_are_possible_is_not_remembered(feed, dropped, reads):
    feed.pending()
    in_another_process()
    later = LandingFeed(feed.folder, date(2024, 5, 14), feed.settings)
    assert [file.span for file in later.pending()] == [None]
    assert reads == [dropped.name]


def test_a_fault_is_found_again_by_another_process(feed, dropped, reads):
    whole = dropped.read_text()
    dropped.write_text(whole + "a,row,too,short\n")
    (first,) = feed.pending()
    in_another_process()
    assert feed.pending() == [first]
    assert first.fault is not None
    assert reads == [dropped.name] * 2


def test_where_no_note_can_be_written_the_file_is_read_and_taken_all_the_same(feed, dropped):
    (feed.folder / ".scans").write_text("no folder")
    assert [file.span for file in feed.pending()] == [MONDAY]
    with feed.deliver(MONDAY) as batches:
        assert len(list(batches)) == 1
    assert not dropped.exists()


def test_nothing_is_left_beside_a_file_that_was_taken(feed, dropped):
    with feed.deliver(MONDAY) as batches:
        assert len(list(batches)) == 1
    assert sorted(path.name for path in feed.folder.iterdir()) == ["accepted"]


def test_a_file_that_takes_long_is_seen_by_a_later_tick_and_holds_up_none_that_is_known(feed, dropped, monkeypatch):
    known = feed.pending()
    csv.write_csv(landing_rows(MONDAY.start, 9, seed=1), feed.folder / "large.csv")
    goes_on = threading.Event()
    before = files.read_batches

    def slow(path, columns):
        if not goes_on.wait(30):
            raise FeedError("nobody let it go on")
        yield from before(path, columns)

    monkeypatch.setattr(file_scans, "read_batches", slow)
    assert feed.pending(timeout_seconds=0) == feed.pending(timeout_seconds=0.01) == known
    goes_on.set()
    assert [(file.name, file.span) for file in feed.pending()] == [("large.csv", MONDAY), ("monday.csv", MONDAY)]
