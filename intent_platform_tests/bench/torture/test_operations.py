"""What the suite sees of landing files and backups after a kill."""

from pathlib import Path

import pytest

from bench.torture.operations import FILES, _backup_violations, _landing_violations
from bench.torture.state import HomeState
from bench.torture.work import ROWS, drop_files

LOADED = HomeState(by_feed={"landing": (FILES * ROWS - 30, 30)})


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """A landing folder in which all files wait."""
    drop_files(tmp_path / "home" / "landing", FILES, "first")
    return tmp_path / "home" / "landing"


def accept(landing: Path, files: int) -> None:
    (landing / "accepted").mkdir()
    for path in sorted(landing.glob("*.csv"))[:files]:
        path.rename(landing / "accepted" / path.name)


class TestLandingFiles:
    @pytest.mark.parametrize("accepted", [0, 1, FILES])
    def test_may_move_after_their_rows_are_committed(self, landing, accepted):
        accept(landing, accepted)
        assert _landing_violations(landing.parents[1], LOADED, ended=False) == []

    def test_must_not_move_before(self, landing):
        accept(landing, 1)
        (found,) = _landing_violations(landing.parents[1], HomeState(), ended=False)
        assert found == "1 landing files moved to accepted/ before their rows were committed"

    def test_must_not_get_lost(self, landing):
        next(landing.glob("*.csv")).unlink()
        (found,) = _landing_violations(landing.parents[1], LOADED, ended=False)
        assert found == f"1 of {FILES} landing files are gone"

    def test_must_be_loaded_with_all_rows(self, landing):
        (found,) = _landing_violations(landing.parents[1], HomeState(by_feed={"landing": (7, 1)}), ended=False)
        assert found == f"{FILES * ROWS} rows were delivered, and 8 were accepted or rejected"

    def test_must_be_loaded_in_the_end(self, landing):
        assert len(_landing_violations(landing.parents[1], HomeState(), ended=True)) == 1


class TestBackup:
    def test_may_be_missing_after_a_kill_only(self, tmp_path):
        assert _backup_violations(tmp_path, HomeState(), ended=False) == []
        assert _backup_violations(tmp_path, HomeState(), ended=True) == ["there is no backup"]

    def test_must_be_complete(self, tmp_path):
        (tmp_path / "backup" / "home").mkdir(parents=True)
        (found,) = _backup_violations(tmp_path, HomeState(), ended=False)
        assert found.startswith("the backup is not complete")
