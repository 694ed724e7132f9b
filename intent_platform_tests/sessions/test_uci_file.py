"""Where the UCI file comes from, how it is kept, and which files are refused."""

import errno
import socket
from collections import Counter
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import ucimlrepo

from intent_platform.errors import FeedError
from intent_platform.sessions.uci import UciFeed, fetch
from intent_platform_tests.builders.sessions import HEADER, write_uci_csv
from intent_platform_tests.builders.uci import delivered, made, validated, write


def refusal(feed: UciFeed) -> str:
    """The message that refuses the file. The home keeps no copy."""
    with pytest.raises(FeedError) as refused:
        feed.extent()
    assert "\n" not in str(refused.value)
    assert not feed.settings.uci_copy.exists()
    return str(refused.value)


class TestRefusal:
    def test_names_a_missing_file(self, open_uci, tmp_path):
        assert str(tmp_path / "absent.csv") in refusal(open_uci(tmp_path / "absent.csv"))

    def test_names_a_folder(self, open_uci, tmp_path):
        assert str(tmp_path) in refusal(open_uci(tmp_path))

    def test_names_missing_columns(self, open_uci, tmp_path):
        fewer = [name for name in HEADER if name not in ("Month", "Revenue")]
        rows = [{name: row[name] for name in fewer} for row in made(Feb=3)]
        path = write(tmp_path / "fewer.csv", rows, fewer)
        assert refusal(open_uci(path)).startswith(f"{path} has no column MONTH, REVENUE")

    def test_names_unexpected_columns(self, open_uci, tmp_path):
        path = write(tmp_path / "more.csv", [row | {"Age": 1} for row in made(Feb=3)], [*HEADER, "Age"])
        assert refusal(open_uci(path)).startswith(f"{path} has the unexpected columns AGE:")

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "is empty"),
            (b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 50, "cannot be read"),
            (",".join(HEADER).encode() + b"\n", "has no rows"),
            (",".join(HEADER).encode() + b"\n0,0,0,0,1,0,0.2,0.2,0,0,Fe", "cannot be read as a table"),
        ],
        ids=["empty", "binary", "header alone", "cut off"],
    )
    def test_names_a_file_that_is_not_a_table_of_sessions(self, open_uci, tmp_path, content, sentence):
        path = tmp_path / "sessions.csv"
        path.write_bytes(content)
        assert refusal(open_uci(path)).startswith(f"{path} {sentence}")

    def test_names_a_file_of_another_kind(self, open_uci, tmp_path):
        path = tmp_path / "sessions.parquet"
        pd.DataFrame(made(Feb=3)).to_parquet(path)
        assert refusal(open_uci(path)).startswith(f"{path} is not a CSV file")

    def test_names_a_file_without_any_known_month(self, open_uci, tmp_path):
        path = write(tmp_path / "a.csv", made(Brumaire=3))
        assert refusal(open_uci(path)).startswith(f"{path} has no known month in its column Month")

    def test_names_a_home_that_cannot_be_written(self, open_uci, tmp_path):
        (tmp_path / "file").write_text("")
        feed = open_uci(write_uci_csv(tmp_path / "a.csv", {"Feb": 5}), home=tmp_path / "file")
        assert str(feed.settings.uci_copy) in refusal(feed)

    def test_names_the_setting_that_excludes_all_sessions(self, open_uci, tmp_path):
        feed = open_uci(write(tmp_path / "a.csv", made(Feb=3)), first_day=date(2025, 1, 1))
        with pytest.raises(FeedError, match=r"2024-02-01.*before first_day 2025-01-01: set INTENT_PLATFORM_FIRST_DAY"):
            feed.extent()


class TestOtherPublishedVariant:
    def test_loses_exactly_its_47_broken_rows(self, open_uci, tmp_path):
        rows = made(Mar=100, Nov=100)
        broken = [row | {"Administrative_Duration": "-1", "ProductRelated_Duration": -1} for row in rows[:33]]
        broken += [row | dict.fromkeys(HEADER[:8], "") for row in rows[33:47]]
        result = validated(open_uci(write(tmp_path / "a.csv", broken + rows[47:])))
        assert (result.accepted.num_rows, result.rejected.num_rows) == (153, 47)
        assert Counter(why.count("below 0") for why in result.rejected["REASONS"].to_pylist()) == {2: 33, 0: 14}
        assert Counter(why.count("is empty") for why in result.rejected["REASONS"].to_pylist()) == {0: 33, 8: 14}


class TestCopyInTheHome:
    @pytest.fixture
    def path(self, open_uci, tmp_path) -> Path:
        """A file with 20 sessions. The home has a copy of it."""
        path = write_uci_csv(tmp_path / "a.csv", {"Feb": 20})
        open_uci(path).extent()
        return path

    def test_serves_later_runs_without_the_file(self, open_uci, path):
        first = delivered(open_uci(path))
        path.unlink()
        assert delivered(open_uci(None)).equals(first)

    def test_is_replaced_by_a_newer_file(self, open_uci, path):
        write_uci_csv(path, {"Feb": 30})
        assert delivered(open_uci(path)).num_rows == 30
        assert delivered(open_uci(None)).num_rows == 30

    def test_is_not_replaced_by_a_refused_file(self, open_uci, path):
        path.write_text("no sessions\n")
        with pytest.raises(FeedError):
            open_uci(path).extent()
        assert delivered(open_uci(None)).num_rows == 20


def serve(monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame) -> list[tuple[int, float | None]]:
    """Let the repository answer with `frame`. Returns the requested data sets with the time-out at that moment."""
    requests: list[tuple[int, float | None]] = []

    def fetch_ucirepo(id: int) -> SimpleNamespace:  # noqa: A002  the library's name
        requests.append((id, socket.getdefaulttimeout()))
        return SimpleNamespace(data=SimpleNamespace(original=frame))

    monkeypatch.setattr(ucimlrepo, "fetch_ucirepo", fetch_ucirepo)
    return requests


class TestFetch:
    @pytest.fixture
    def path(self, tmp_path) -> Path:
        return write_uci_csv(tmp_path / "a.csv", {"Feb": 30, "June": 30})

    @pytest.fixture
    def requests(self, path, monkeypatch) -> list[tuple[int, float | None]]:
        """The requests to a repository that serves the file at `path`."""
        return serve(monkeypatch, pd.read_csv(path))

    @pytest.mark.usefixtures("requests")
    def test_gives_the_sessions_of_the_published_file(self, open_uci, path):
        fetched = validated(open_uci(None))
        assert fetched.accepted.num_rows == 60
        assert fetched.accepted.equals(validated(open_uci(path)).accepted)

    def test_happens_once(self, open_uci, requests):
        feed = open_uci(None)
        fetched, again = validated(feed), validated(open_uci(None))
        assert [data_set for data_set, _ in requests] == [468]
        assert fetched.accepted.equals(again.accepted)
        assert [file.name for file in feed.settings.uci_copy.parent.iterdir()] == ["uci.csv"]

    def test_has_a_timeout_and_restores_the_previous_one(self, open_uci, requests):
        before = socket.getdefaulttimeout()
        open_uci(None).extent()
        assert requests
        assert all(timeout for _, timeout in requests), "a silent server would be waited for without end"
        assert socket.getdefaulttimeout() == before

    def test_does_not_keep_a_table_of_other_columns(self, open_uci, monkeypatch):
        serve(monkeypatch, pd.DataFrame({"sepal length": [1.0]}))
        assert "make demo csv=PATH" in refusal(open_uci(None))


class TestFailedFetch:
    @pytest.fixture
    def feed(self, open_uci, monkeypatch) -> UciFeed:
        """A feed that cannot reach the repository."""

        def unreachable(id: int) -> None:  # noqa: A002  the library's name
            raise ConnectionError("Error connecting to server")

        monkeypatch.setattr(ucimlrepo, "fetch_ucirepo", unreachable)
        feed: UciFeed = open_uci(None)
        return feed

    def test_names_the_error_and_the_remedy(self, feed):
        message = refusal(feed)
        assert "make demo csv=PATH" in message
        assert "Error connecting to server" in message

    def test_restores_the_previous_timeout(self, feed):
        before = socket.getdefaulttimeout()
        refusal(feed)
        assert socket.getdefaulttimeout() == before

    def test_leaves_no_file(self, feed, tmp_path):
        refusal(feed)
        assert not list(tmp_path.rglob("*uci.csv*"))

    def test_on_a_full_disk_leaves_no_partial_file(self, tmp_path, monkeypatch):
        class FrameOnAFullDisk(pd.DataFrame):
            def to_csv(self, path: Path, **_: object) -> None:  # type: ignore[override]
                path.write_text("Administrative,")
                raise OSError(errno.ENOSPC, "No space left on device")

        serve(monkeypatch, FrameOnAFullDisk())
        with pytest.raises(FeedError, match=r"No space left on device.*make demo csv=PATH"):
            fetch(tmp_path / "feeds" / "uci.csv")
        assert list((tmp_path / "feeds").iterdir()) == []
