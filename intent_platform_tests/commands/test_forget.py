"""`make forget`: a visitor is gone from tables and files, and whatever still names the visitor is told."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow.csv
import pytest

from intent_platform.__main__ import main
from intent_platform.partitions import Window
from intent_platform.pipeline.source import load_window
from intent_platform.platforms import platform_for
from intent_platform.sessions.choice import session_source
from intent_platform.sessions.landing import LandingFeed
from intent_platform.settings import load_settings
from intent_platform_tests.builders.sessions import landing_rows

DAY = date(2024, 7, 1)


class Landed(NamedTuple):
    """A landing folder with an accepted file and a waiting one, and a visitor of both."""

    home: Path
    visitor: str
    sessions: Callable[[], int]


@pytest.fixture
def landed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Landed:
    monkeypatch.setenv("INTENT_PLATFORM_FEED", "landing")
    monkeypatch.setenv("INTENT_PLATFORM_LANDING_QUIET_SECONDS", "0")
    settings = load_settings()
    settings.landing_folder.mkdir(parents=True)
    rows, platform, feed = landing_rows(DAY, 300), platform_for(settings), session_source(settings)
    assert isinstance(feed, LandingFeed)
    pyarrow.csv.write_csv(rows, settings.landing_folder / "accepted.csv")
    load_window(platform, feed, Window(DAY, DAY + timedelta(days=1)))
    pyarrow.csv.write_csv(rows, settings.landing_folder / "waiting.csv")

    def sessions() -> int:
        with platform.warehouse.connect() as connection:
            return int(connection.value("SELECT COUNT(*) AS COUNTED FROM SOURCE"))

    return Landed(home, str(rows["UID"][0]), sessions)


def bytes_of(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


class TestForget:
    def test_removes_the_visitor_from_tables_and_files(self, landed, capsys):
        assert main(["forget", "--uid", landed.visitor.upper()]) == 0
        assert "1 of SOURCE. Removed rows of session files: 2." in capsys.readouterr().out
        assert landed.sessions() == 299
        assert landed.visitor.encode() not in bytes_of(landed.home)

    def test_says_what_it_cannot_reach(self, landed, capsys):
        assert main(["forget", "--uid", landed.visitor]) == 0
        assert "Backups that you made" in capsys.readouterr().out

    def test_can_be_repeated(self, landed, capsys):
        for _ in range(2):
            assert main(["forget", "--uid", landed.visitor]) == 0
        assert "Deleted rows: none." in capsys.readouterr().out

    def test_fails_while_a_file_names_the_visitor(self, landed, capsys):
        (landed.home / "notes.txt").write_text(f"call {landed.visitor}")
        assert main(["forget", "--uid", landed.visitor]) == 1
        assert "notes.txt" in capsys.readouterr().err

    def test_fails_while_the_files_of_a_restore_remain(self, landed, capsys):
        (landed.home / "replaced_240701_000000").mkdir()
        assert main(["forget", "--uid", landed.visitor]) == 1
        assert "replaced_240701_000000" in capsys.readouterr().err

    def test_of_no_visitor_changes_nothing(self, landed, capsys):
        assert main(["forget", "--uid", "%"]) == 1
        assert "give a UUID" in capsys.readouterr().err
        assert landed.sessions() == 300
