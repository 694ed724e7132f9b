"""A load of landing files: each file is loaded and moved, or stays in place and is named."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from intent_platform.errors import FeedError, WarehouseError
from intent_platform.partitions import Window
from intent_platform.pipeline import source
from intent_platform.pipeline.source import SourceLoad, load_window
from intent_platform.platforms import platform_for
from intent_platform.platforms.ports import Platform
from intent_platform.sessions import landing as landing_module
from intent_platform.sessions.contract import RawBatch, ValidatedBatch, validate
from intent_platform.sessions.faults import UnreadableFile
from intent_platform.sessions.files import read_batches
from intent_platform.sessions.landing import LandingFeed
from intent_platform.sessions.uci import UciFeed
from intent_platform_tests.builders.sessions import landing_rows, write_uci_csv
from intent_platform_tests.sessions.landing_folder import (
    MONDAY,
    PAST,
    accepted_files,
    drop,
    open_landing,
    waiting_files,
)


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[LandingFeed]:
    """The feed over an empty folder, at noon of `TODAY`."""
    with open_landing(tmp_path / "landing") as feed:
        yield feed


@pytest.fixture
def platform(make_settings) -> Platform:
    return platform_for(make_settings(warehouse={"timeout_seconds": 5}))


@pytest.fixture
def three_files(landing: LandingFeed) -> LandingFeed:
    """The folder with `a.csv`, `b.csv` and `c.csv`, all readable, with 3 rows each."""
    for seed, name in enumerate(("a.csv", "b.csv", "c.csv")):
        drop(landing, name, landing_rows(MONDAY, 3, seed=seed))
    return landing


def read_breaking(path: Path, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    """The rows of a file, and after those of `b.csv` the fault of a disk that fails since the scan."""
    yield from read_batches(path, columns)
    if path.name == "b.csv":
        raise UnreadableFile(path, "cannot be read as a table (Input/output error): provide a complete file")


def validate_breaking(received: RawBatch, within: Window) -> ValidatedBatch:
    """The contract, with a fault of its own for `b.csv`."""
    if received.origin == "b.csv":
        raise LookupError("a type that nobody thought of")
    return validate(received, within)


class TestFaultThatOnlyTheLoadFinds:
    @pytest.fixture(params=["while reading", "in the contract"])
    def load(self, request, platform, three_files, monkeypatch) -> SourceLoad:
        if request.param == "while reading":
            monkeypatch.setattr(landing_module, "read_batches", read_breaking)
        else:
            monkeypatch.setattr(source, "validate", validate_breaking)
        return load_window(platform, three_files, PAST)

    def test_leaves_that_file_alone_in_place(self, load, three_files):
        assert (waiting_files(three_files), accepted_files(three_files)) == (["b.csv"], ["a.csv", "c.csv"])

    def test_loads_the_others_once(self, load, platform):
        assert (load.counts.received, load.counts.accepted) == (6, 6)
        with platform.warehouse.connect() as connection:
            assert connection.value("SELECT COUNT(*) AS COUNTED FROM SOURCE") == 6

    @pytest.mark.usefixtures("load")
    def test_is_named(self, three_files):
        (fault,) = three_files.unreadable()
        assert "b.csv cannot be read as a table (" in fault

    @pytest.mark.usefixtures("load")
    def test_is_forgotten_when_the_file_changes(self, platform, three_files, monkeypatch):
        monkeypatch.undo()
        drop(three_files, "b.csv", landing_rows(MONDAY, 4, seed=1))
        assert load_window(platform, three_files, PAST).counts.accepted == 4
        assert three_files.unreadable() == []

    def test_fails_the_load_of_a_feed_that_replaces_days(self, platform, make_settings, tmp_path, monkeypatch):
        path = write_uci_csv(tmp_path / "b.csv", {"May": 10})
        feed = UciFeed(make_settings(uci={"csv": path, "year": 2024}))
        monkeypatch.setattr(source, "validate", validate_breaking)
        with pytest.raises(FeedError, match=r"b\.csv cannot be read as a table \(a type that nobody thought of\)"):
            load_window(platform, feed, feed.extent())


class TestLoadThatTheWarehouseRefuses:
    def test_names_the_files_and_leaves_them(self, platform, three_files, monkeypatch):
        def fail(_: object, __: object, batches: Iterator[ValidatedBatch], **___: object) -> None:
            assert len(list(batches)) == 3
            raise WarehouseError("the warehouse is out of memory: increase warehouse.memory_gb")

        monkeypatch.setattr(source, "load_sessions", fail)
        sentence = r"^the load of a\.csv, b\.csv, c\.csv failed: the warehouse is out of memory: increase"
        with pytest.raises(WarehouseError, match=sentence):
            load_window(platform, three_files, PAST)
        assert (waiting_files(three_files), accepted_files(three_files)) == (["a.csv", "b.csv", "c.csv"], [])


class TestUnusableFolder:
    def test_loads_nothing(self, platform, three_files):
        (three_files.folder / "accepted").write_text("not a folder")
        with pytest.raises(FeedError, match="cannot be moved"):
            load_window(platform, three_files, PAST)
        with platform.warehouse.connect() as connection:
            assert connection.value("SELECT COUNT(*) AS COUNTED FROM SOURCE") == 0
