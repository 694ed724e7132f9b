"""A landing file is read through once, by whichever process and in whichever tick."""

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pyarrow import csv

from intent_platform.errors import FeedError
from intent_platform.partitions import Window
from intent_platform.sessions import file_scans, files
from intent_platform.sessions.landing import LandingFeed, LandingFile
from intent_platform.settings.feeds import LandingSettings
from intent_platform_tests.builders.sessions import landing_rows

MONDAY = Window(date(2024, 5, 13), date(2024, 5, 14))
TUESDAY = Window(date(2024, 5, 14), date(2024, 5, 15))


@pytest.fixture
def feed(tmp_path: Path) -> LandingFeed:
    return LandingFeed(tmp_path, date(2024, 1, 1), LandingSettings(done_files=False, quiet_seconds=0))


@pytest.fixture
def dropped(feed: LandingFeed) -> Path:
    """A file with sessions of Monday."""
    path = feed.folder / "monday.csv"
    csv.write_csv(landing_rows(MONDAY.start, 4), path)
    return path


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read through."""
    names: list[str] = []
    read_batches = files.read_batches

    def noted(path, columns):
        names.append(path.name)
        return read_batches(path, columns)

    monkeypatch.setattr(file_scans, "read_batches", noted)
    return names


def forget_scans_of_this_process() -> None:
    """What follows happens as in another process."""
    file_scans._SCANS.clear()


class TestScan:
    def test_the_same_process_reads_a_file_once(self, feed, dropped, read_files):
        assert feed.pending() == feed.pending()
        assert read_files == [dropped.name]

    def test_a_changed_file_is_read_again(self, feed, dropped, read_files):
        feed.pending()
        csv.write_csv(landing_rows(TUESDAY.start, 6), dropped)
        forget_scans_of_this_process()
        assert [file.span for file in feed.pending()] == [TUESDAY]
        assert read_files == [dropped.name] * 2


class TestNote:
    def test_another_process_reads_the_note_instead(self, feed, dropped, read_files):
        first = feed.pending()
        forget_scans_of_this_process()
        assert feed.pending() == first
        assert [file.span for file in first] == [MONDAY]
        assert read_files == [dropped.name]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"size": 1}'], ids=["empty", "cut off", "a list", "incomplete"])
    def test_an_invalid_note_is_ignored(self, feed, dropped, read_files, text):
        first = feed.pending()
        (note,) = (feed.folder / ".scans").iterdir()
        note.write_text(text)
        forget_scans_of_this_process()
        assert feed.pending() == first
        assert read_files == [dropped.name] * 2

    def test_accepted_days_are_judged_anew(self, feed, dropped, read_files):
        """The note has the days of the file. The first partition may move."""
        feed.pending()
        forget_scans_of_this_process()
        from_tuesday = LandingFeed(feed.folder, TUESDAY.start, feed.settings)
        assert [file.span for file in from_tuesday.pending()] == [None]
        assert read_files == [dropped.name]

    def test_a_fault_is_not_noted(self, feed, dropped, read_files):
        dropped.write_text(dropped.read_text() + "a,row,too,short\n")
        (first,) = feed.pending()
        forget_scans_of_this_process()
        assert feed.pending() == [first]
        assert first.fault is not None
        assert read_files == [dropped.name] * 2

    def test_a_file_is_taken_where_no_note_can_be_written(self, feed, dropped):
        (feed.folder / ".scans").write_text("not a folder")
        assert [file.span for file in feed.pending()] == [MONDAY]
        with feed.deliver(MONDAY) as batches:
            assert len(list(batches)) == 1
        assert not dropped.exists()

    def test_a_taken_file_leaves_no_note(self, feed, dropped):
        with feed.deliver(MONDAY) as batches:
            assert len(list(batches)) == 1
        assert sorted(path.name for path in feed.folder.iterdir()) == ["accepted"]


class TestSlowScan:
    @pytest.fixture
    def may_continue(self, feed, monkeypatch) -> Iterator[threading.Event]:
        """A scan that begins from now on waits for this event."""
        event = threading.Event()
        read_batches = files.read_batches

        def slow(path, columns):
            if not event.wait(30):
                raise FeedError("the test did not set the event")
            yield from read_batches(path, columns)

        monkeypatch.setattr(file_scans, "read_batches", slow)
        yield event
        event.set()
        feed.pending()

    @pytest.fixture
    def known_files(self, feed: LandingFeed, dropped) -> list[LandingFile]:
        """The files that were scanned before `large.csv` arrived."""
        known = feed.pending()
        csv.write_csv(landing_rows(MONDAY.start, 9, seed=1), feed.folder / "large.csv")
        return known

    @pytest.mark.parametrize("timeout_seconds", [0, 0.01])
    def test_does_not_delay_the_files_already_scanned(self, feed, known_files, may_continue, timeout_seconds):
        assert [file.span for file in known_files] == [MONDAY]
        assert feed.pending(timeout_seconds) == known_files

    @pytest.mark.usefixtures("known_files")
    def test_gives_its_file_to_a_later_call(self, feed, may_continue):
        feed.pending(timeout_seconds=0)
        may_continue.set()
        assert [(file.name, file.span) for file in feed.pending()] == [("large.csv", MONDAY), ("monday.csv", MONDAY)]
