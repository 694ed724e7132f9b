"""Session files that are too old: which of them are deleted, and what their age is."""

import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from intent_platform.errors import FeedError
from intent_platform.partitions import TIMEZONE
from intent_platform.sessions import file_scans
from intent_platform.sessions.expired_files import delete_expired_files
from intent_platform.sessions.landing import LandingFeed
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.sessions.landing_folder import (
    MONDAY,
    PAST,
    TODAY,
    TUESDAY,
    drop,
    open_landing,
    take,
    waiting_files,
)

NEXT_YEAR = TODAY + timedelta(days=365)


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[LandingFeed]:
    with open_landing(tmp_path / "landing") as feed:
        yield feed


def accept(feed: LandingFeed, name: str, *days: date) -> Path:
    """An accepted file with a session of each day; its path."""
    path = drop(feed, name, landing_rows(days[0], 1))
    with path.open("a") as file:
        for day in days[1:]:
            drop(feed, ".day", landing_rows(day, 1))
            file.write((feed.folder / ".day").read_text().splitlines(keepends=True)[1])
            (feed.folder / ".day").unlink()
    take(feed, PAST)
    return feed.folder / "accepted" / name


def age(path: Path, day: date) -> None:
    """Let the last change of the path be on `day`."""
    changed = datetime(day.year, day.month, day.day, 12, tzinfo=TIMEZONE).timestamp()
    os.utime(path, (changed, changed))


class TestAcceptedFile:
    @pytest.mark.parametrize("name", ["monday.csv", "monday.parquet"])
    def test_is_deleted_when_its_day_is_over(self, feed, name):
        path = accept(feed, name, MONDAY)
        assert delete_expired_files(feed.folder, MONDAY) == []
        assert delete_expired_files(feed.folder, TUESDAY) == [name]
        assert not path.exists()

    def test_is_as_old_as_its_newest_session(self, feed):
        accept(feed, "both.csv", MONDAY, TUESDAY)
        assert delete_expired_files(feed.folder, TUESDAY) == []

    def test_is_not_made_younger_by_a_day_in_the_future(self, feed):
        accept(feed, "typo.csv", MONDAY, NEXT_YEAR)
        assert delete_expired_files(feed.folder, TUESDAY) == ["typo.csv"]

    def test_is_not_made_younger_by_a_change(self, feed):
        """`make forget` writes files anew."""
        age(accept(feed, "monday.csv", MONDAY), TODAY)
        assert delete_expired_files(feed.folder, TUESDAY) == ["monday.csv"]

    def test_is_not_made_older_by_the_time_of_its_disk(self, feed):
        age(accept(feed, "monday.csv", MONDAY), date(1970, 1, 2))
        assert delete_expired_files(feed.folder, MONDAY) == []

    @pytest.mark.parametrize("text", ["", "no table"], ids=["empty", "unreadable"])
    def test_without_days_is_as_old_as_its_last_change(self, feed, text):
        path = accept(feed, "broken.csv", MONDAY)
        path.write_text(text)
        age(path, TUESDAY)
        assert delete_expired_files(feed.folder, TUESDAY) == []
        assert delete_expired_files(feed.folder, TUESDAY + timedelta(days=1)) == ["broken.csv"]

    def test_is_read_once_by_all_processes(self, feed, monkeypatch):
        accept(feed, "monday.csv", MONDAY)
        delete_expired_files(feed.folder, MONDAY)
        file_scans._SCANS.clear()
        monkeypatch.setattr(file_scans, "_days", lambda _: pytest.fail("the file was read again"))
        assert delete_expired_files(feed.folder, TUESDAY) == ["monday.csv"]

    def test_takes_its_note_along(self, feed):
        accept(feed, "monday.csv", MONDAY)
        delete_expired_files(feed.folder, MONDAY)
        assert (feed.folder / "accepted" / ".scans" / "monday.csv.json").exists()
        delete_expired_files(feed.folder, TUESDAY)
        assert [*(feed.folder / "accepted").iterdir()] == []

    def test_that_cannot_be_deleted_is_an_error(self, feed, monkeypatch):
        accept(feed, "monday.csv", MONDAY)

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            with pytest.raises(FeedError, match=r"an old file in .* cannot be deleted"):
                delete_expired_files(feed.folder, TUESDAY)
        assert delete_expired_files(feed.folder, TUESDAY) == ["monday.csv"]


class TestWaitingFile:
    def test_stays(self, feed):
        """Nobody has loaded it. A load rejects its rows, and then it is accepted."""
        drop(feed, "late.csv", landing_rows(MONDAY, 1))
        (feed.folder / "unreadable.csv").write_text("no table")
        assert delete_expired_files(feed.folder, TODAY) == []
        assert waiting_files(feed) == ["late.csv", "unreadable.csv"]


class TestDraft:
    def test_of_a_killed_command_is_deleted(self, feed):
        (feed.folder / "accepted").mkdir()
        drafts = [feed.folder / place / ".forgetting-a.csv" for place in (".", "accepted")]
        for draft in drafts:
            draft.write_text("a session")
            age(draft, MONDAY)
        assert delete_expired_files(feed.folder, MONDAY) == []
        assert len(delete_expired_files(feed.folder, TUESDAY)) == 2
        assert not any(draft.exists() for draft in drafts)


def test_absent_folder_has_no_old_files(tmp_path):
    assert delete_expired_files(tmp_path / "absent", TODAY) == []
    assert not (tmp_path / "absent").exists()
