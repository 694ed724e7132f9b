"""Files move to `accepted/` after their load, and nothing else remains of them in the landing folder."""

import os
from pathlib import Path

import pytest

from intent_platform.errors import FeedError
from intent_platform.sessions.accepted import AcceptedFolder
from intent_platform.sessions.landing import LandingFeed
from intent_platform_tests.builders.sessions import landing_rows
from intent_platform_tests.sessions.landing_folder import (
    MONDAY,
    PAST,
    accepted_files,
    drop,
    take,
    uids,
    waiting_files,
)


class TestFileOfTheSameName:
    @pytest.fixture
    def with_equal_content(self, landing) -> list[list[str]]:
        """The UIDs of two loads of the same file."""
        loads = []
        for _ in range(2):
            drop(landing, "monday.csv", landing_rows(MONDAY, 5))
            loads.append(uids(take(landing, PAST)))
        return loads

    def test_gives_the_same_sessions_for_equal_content(self, with_equal_content):
        first, second = with_equal_content
        assert len(first) == 5
        assert second == first

    @pytest.mark.usefixtures("with_equal_content")
    def test_is_kept_once_for_equal_content(self, landing):
        assert (waiting_files(landing), accepted_files(landing)) == ([], ["monday.csv"])

    def test_is_kept_beside_the_first_for_other_content(self, landing):
        for seed in range(3):
            drop(landing, "sessions.csv", landing_rows(MONDAY, 5, seed=seed))
            take(landing, PAST)
        kept = accepted_files(landing)
        assert len(kept) == 3
        assert "sessions.csv" in kept
        assert all(name.startswith("sessions") and name.endswith(".csv") for name in kept)
        assert len({(landing.folder / "accepted" / name).read_bytes() for name in kept}) == 3


class TestUnusableFolder:
    """Files cannot be moved, so none is loaded."""

    def assert_refused(self, landing: LandingFeed, sentence: str) -> None:
        """The load fails before its first row, in one sentence, and leaves the file."""
        drop(landing, "monday.csv", landing_rows(MONDAY, 2))
        with pytest.raises(FeedError, match=sentence) as caught, landing.deliver(PAST):
            raise AssertionError("the load began")
        assert "\n" not in str(caught.value)
        assert "monday.csv" in waiting_files(landing)
        assert not list(landing.folder.glob(".moving*"))

    def test_where_accepted_is_a_file(self, landing):
        (landing.folder / "accepted").write_text("not a folder")
        self.assert_refused(landing, r"cannot be moved from .*landing to .*accepted \(File exists\): make both")

    def test_where_accepted_is_on_another_file_system(self, landing, monkeypatch):
        def refused(self: Path, target: Path) -> Path:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(Path, "replace", refused)
        self.assert_refused(landing, r"\(Invalid cross-device link\): make both folders writable")

    def test_that_cannot_be_written(self, landing, monkeypatch):
        def refused(self: Path, *_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "touch", refused)
        self.assert_refused(landing, r"\(Permission denied\): make both folders writable")

    def test_that_is_a_file(self, landing):
        landing.folder.rmdir()
        landing.folder.write_text("not a folder")
        for look in (landing.pending, landing.unreadable, lambda: landing.deferred(PAST), lambda: take(landing, PAST)):
            with pytest.raises(FeedError, match=r"landing cannot be listed \(Not a directory\): make it a folder"):
                look()

    def test_that_cannot_be_listed(self, landing, monkeypatch):
        def refused(self: Path) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "iterdir", refused)
        with pytest.raises(FeedError, match=r"landing cannot be listed \(Permission denied\): make it a folder"):
            landing.pending()


class TestFileThatCannotBeMoved:
    def test_is_named_and_does_not_keep_the_others(self, landing, monkeypatch):
        """The probe succeeded, but this file belongs to somebody else, for example."""
        for name in ("a.csv", "b.csv", "c.csv"):
            drop(landing, name, landing_rows(MONDAY, 2))
        replace = Path.replace

        def refused(self: Path, target: Path) -> Path:
            if self.name == "b.csv":
                raise PermissionError(1, "Operation not permitted")
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", refused)
        with pytest.raises(FeedError, match=r"b\.csv is loaded but cannot be moved .*: move it to .*accepted$"):
            take(landing, PAST)
        assert (waiting_files(landing), accepted_files(landing)) == (["b.csv"], ["a.csv", "c.csv"])


class TestAccess:
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o444], ids=oct)
    def test_to_a_file_is_not_widened(self, landing, mode):
        drop(landing, "monday.csv", landing_rows(MONDAY, 2)).chmod(mode)
        take(landing, PAST)
        assert (landing.folder / "accepted" / "monday.csv").stat().st_mode & 0o777 == mode

    def test_to_the_folder_is_not_wider_than_to_its_parent(self, landing):
        landing.folder.chmod(0o700)
        drop(landing, "monday.csv", landing_rows(MONDAY, 2))
        take(landing, PAST)
        assert (landing.folder / "accepted").stat().st_mode & 0o777 == 0o700


class TestLink:
    def test_to_a_file_is_loaded_and_moved_without_the_file(self, landing, tmp_path):
        path = drop(landing, "monday.csv", landing_rows(MONDAY, 2)).rename(tmp_path / "elsewhere.csv")
        (landing.folder / "monday.csv").symlink_to(path)
        assert len(uids(take(landing, PAST))) == 2
        assert path.exists()
        assert (landing.folder / "accepted" / "monday.csv").readlink() == path

    def test_to_nothing_or_itself_is_left_alone(self, landing, tmp_path):
        (landing.folder / "dangling.csv").symlink_to(tmp_path / "absent.csv")
        (landing.folder / "loop.csv").symlink_to(landing.folder / "loop.csv")
        os.mkfifo(landing.folder / "fifo.csv")
        drop(landing, "monday.csv", landing_rows(MONDAY, 2))
        take(landing, PAST)
        assert landing.unreadable() == []
        assert {path.name for path in landing.folder.iterdir()} == {"dangling.csv", "loop.csv", "fifo.csv", "accepted"}


class TestKillBetweenMoveAndDoneFile:
    @pytest.fixture
    def killed(self, landing: LandingFeed) -> LandingFeed:
        """The folder after such a kill, with a done file and a note of a file in `accepted/`."""
        path = drop(landing, "monday.csv", landing_rows(MONDAY, 2))
        path.with_name("monday.csv.done").touch()
        landing.pending()
        accepted = AcceptedFolder(landing.folder)
        accepted.make_room([path])
        path.rename(accepted.path / path.name)
        return landing

    def test_leaves_nothing_after_the_next_look(self, killed):
        assert killed.pending() == []
        assert [path.name for path in killed.folder.iterdir()] == ["accepted"]

    def test_keeps_the_done_file_of_the_next_delivery(self, killed):
        moved = (killed.folder / "accepted" / "monday.csv").stat().st_ctime_ns
        os.utime(killed.folder / "monday.csv.done", ns=(moved + 1, moved + 1))
        killed.pending()
        assert waiting_files(killed) == ["monday.csv.done"]

    def test_keeps_the_done_file_of_a_waiting_file(self, killed):
        drop(killed, "monday.csv", landing_rows(MONDAY, 3))
        killed.pending()
        assert waiting_files(killed) == ["monday.csv", "monday.csv.done"]

    def test_keeps_the_done_file_of_a_file_that_never_arrived(self, killed):
        (killed.folder / "tuesday.csv.done").touch()
        killed.pending()
        assert waiting_files(killed) == ["tuesday.csv.done"]
