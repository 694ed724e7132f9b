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
    with pytest.raises(FeedError) as refused:
        feed.extent()
    assert "\n" not in str(refused.value)
    assert not feed.settings.uci_copy.exists()
    return str(refused.value)


def test_a_missing_file_is_named(open_uci, tmp_path):
    assert str(tmp_path / "absent.csv") in refusal(open_uci(tmp_path / "absent.csv"))
    assert str(tmp_path) in refusal(open_uci(tmp_path))


def test_missing_and_unexpected_columns_are_named(open_uci, tmp_path):
    fewer = [name for name in HEADER if name not in ("Month", "Revenue")]
    rows = [{name: row[name] for name in fewer} for row in made(Feb=3)]
    path = write(tmp_path / "fewer.csv", rows, fewer)
    assert refusal(open_uci(path)).startswith(f"{path} has no column MONTH, REVENUE")
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
def test_a_file_that_is_no_table_of_sessions_is_refused_by_name(open_uci, tmp_path, content, sentence):
    path = tmp_path / "sessions.csv"
    path.write_bytes(content)
    assert refusal(open_uci(path)).startswith(f"{path} {sentence}")


def test_a_file_of_another_kind_is_refused_by_name(open_uci, tmp_path):
    path = tmp_path / "sessions.parquet"
    pd.DataFrame(made(Feb=3)).to_parquet(path)
    assert refusal(open_uci(path)).startswith(f"{path} is not a CSV file")


def test_a_file_without_any_known_month_is_refused(open_uci, tmp_path):
    path = write(tmp_path / "a.csv", made(Brumaire=3))
    assert refusal(open_uci(path)).startswith(f"{path} has no known month in its column Month")


def test_sessions_before_the_first_partition_are_refused_with_the_settings_to_change(open_uci, tmp_path):
    feed = open_uci(write(tmp_path / "a.csv", made(Feb=3)), first_day=date(2025, 1, 1))
    with pytest.raises(FeedError, match=r"2024-02-01.*before first_day 2025-01-01: set INTENT_PLATFORM_FIRST_DAY"):
        feed.extent()


def test_the_other_published_variant_loses_exactly_its_47_broken_rows(open_uci, tmp_path):
    rows = made(Mar=100, Nov=100)
    broken = [row | {"Administrative_Duration": "-1", "ProductRelated_Duration": -1} for row in rows[:33]]
    broken += [row | dict.fromkeys(HEADER[:8], "") for row in rows[33:47]]
    result = validated(open_uci(write(tmp_path / "a.csv", broken + rows[47:])))
    assert (result.accepted.num_rows, result.rejected.num_rows) == (153, 47)
    assert Counter(why.count("below 0") for why in result.rejected["REASONS"].to_pylist()) == {2: 33, 0: 14}
    assert Counter(why.count("is empty") for why in result.rejected["REASONS"].to_pylist()) == {0: 33, 8: 14}


def test_a_given_file_is_kept_so_that_later_runs_need_none(open_uci, tmp_path):
    path = write_uci_csv(tmp_path / "a.csv", {"Feb": 20})
    first = delivered(open_uci(path))
    path.unlink()
    assert delivered(open_uci(None)).equals(first)


def test_a_newer_given_file_replaces_the_copy(open_uci, tmp_path):
    path = write_uci_csv(tmp_path / "a.csv", {"Feb": 20})
    open_uci(path).extent()
    write_uci_csv(path, {"Feb": 30})
    assert delivered(open_uci(path)).num_rows == 30
    assert delivered(open_uci(None)).num_rows == 30


def test_a_file_that_is_refused_leaves_the_copy(open_uci, tmp_path):
    path = write_uci_csv(tmp_path / "a.csv", {"Feb": 20})
    open_uci(path).extent()
    path.write_text("no sessions\n")
    with pytest.raises(FeedError):
        open_uci(path).extent()
    assert delivered(open_uci(None)).num_rows == 20


def serve(monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame) -> list[tuple[int, float | None]]:
    """Let the repository answer with `frame`; the data sets asked for, and the time-out at that moment."""
    asked: list[tuple[int, float | None]] = []

    def fetch_ucirepo(id: int) -> SimpleNamespace:  # noqa: A002  the library's name
        asked.append((id, socket.getdefaulttimeout()))
        return SimpleNamespace(data=SimpleNamespace(original=frame))

    monkeypatch.setattr(ucimlrepo, "fetch_ucirepo", fetch_ucirepo)
    return asked


def test_without_a_file_the_published_one_is_fetched_once(open_uci, tmp_path, monkeypatch):
    path = write_uci_csv(tmp_path / "a.csv", {"Feb": 30, "June": 30})
    asked = serve(monkeypatch, pd.read_csv(path))
    before = socket.getdefaulttimeout()
    feed = open_uci(None)
    fetched, again = validated(feed), validated(open_uci(None))
    assert [data_set for data_set, _ in asked] == [468]
    assert all(timeout for _, timeout in asked), "a server that is silent would be waited for without end"
    assert socket.getdefaulttimeout() == before
    assert fetched.accepted.equals(again.accepted)
    assert [file.name for file in feed.settings.uci_copy.parent.iterdir()] == ["uci.csv"]
    assert fetched.accepted.num_rows == 60
    assert fetched.accepted.equals(validated(open_uci(path)).accepted)


def test_a_failed_fetch_says_what_to_do_and_leaves_nothing(open_uci, tmp_path, monkeypatch):
    def unreachable(id: int) -> None:  # noqa: A002
        raise ConnectionError("Error connecting to server")

    monkeypatch.setattr(ucimlrepo, "fetch_ucirepo", unreachable)
    before = socket.getdefaulttimeout()
    feed = open_uci(None)
    assert "make demo csv=PATH" in refusal(feed)
    assert "Error connecting to server" in refusal(feed)
    assert socket.getdefaulttimeout() == before
    assert not list(tmp_path.rglob("*uci.csv*"))


def test_a_disk_that_fails_half_way_leaves_no_partial_file(tmp_path, monkeypatch):
    class Frame(pd.DataFrame):
        def to_csv(self, path: Path, **_: object) -> None:  # type: ignore[override]
            path.write_text("Administrative,")
            raise OSError(errno.ENOSPC, "No space left on device")

    serve(monkeypatch, Frame())
    with pytest.raises(FeedError, match=r"No space left on device.*make demo csv=PATH"):
        fetch(tmp_path / "feeds" / "uci.csv")
    assert list((tmp_path / "feeds").iterdir()) == []


def test_a_home_that_cannot_be_written_is_named(open_uci, tmp_path):
    (tmp_path / "file").write_text("")
    feed = open_uci(write_uci_csv(tmp_path / "a.csv", {"Feb": 5}), home=tmp_path / "file")
    assert str(feed.settings.uci_copy) in refusal(feed)


def test_a_fetched_table_of_other_columns_is_not_kept(open_uci, monkeypatch):
    serve(monkeypatch, pd.DataFrame({"sepal length": [1.0]}))
    assert "make demo csv=PATH" in refusal(open_uci(None))
