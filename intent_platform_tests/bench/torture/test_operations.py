"""What the suite sees of landing files, old raw sessions and backups after a kill."""

from pathlib import Path

import duckdb
import pytest

from bench.torture.operations import _backup_violations, _landing_violations, _retention_violations
from bench.torture.state import WAREHOUSE, Day, HomeState
from bench.torture.work import FILES, ROWS, drop_files

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


OLD, KEPT = {"2025-02-02": Day(1, "")}, {"2025-02-03": Day(1, "")}


class TestOldRawSessions:
    """76 days before 20 April is 3 February."""

    @staticmethod
    def found(folder: Path, source: dict[str, Day], recorded: list[str], files: int, *, ended: bool) -> list[str]:
        """The violations of a home with so many old files, and features of both days."""
        accepted = folder / "home" / "landing" / "accepted"
        drop_files(accepted, files, "old")
        drop_files(accepted, FILES, "young")
        with duckdb.connect(str(folder / "home" / WAREHOUSE)) as connection:
            connection.execute("CREATE TABLE RAW_DELETIONS (KEPT_FROM DATE, SESSIONS INTEGER, REJECTED INTEGER)")
            for day in recorded:
                connection.execute("INSERT INTO RAW_DELETIONS VALUES (?, 1, 0)", [day])
        state = HomeState(days={"SOURCE": source, "DATASET": OLD | KEPT})
        return _retention_violations(folder, state, ended)

    @pytest.mark.parametrize(
        ("source", "recorded", "files", "ended"),
        [
            (OLD | KEPT, [], FILES, False),
            (KEPT, ["2025-02-03"], FILES, False),
            (KEPT, ["2025-02-03"], 1, False),
            (KEPT, ["2025-02-03"], 0, True),
        ],
        ids=["before", "rows deleted", "files deleted in part", "after"],
    )
    def test_may_be_in_each_of_these_states(self, tmp_path, source, recorded, files, ended):
        assert self.found(tmp_path, source, recorded, files, ended=ended) == []

    @pytest.mark.parametrize(
        ("source", "recorded", "files", "ended"),
        [
            (KEPT, [], FILES, False),
            (OLD | KEPT, ["2025-02-03"], FILES, False),
            (OLD | KEPT, [], 1, False),
            (KEPT, ["2025-02-04"], FILES, False),
            (KEPT, ["2025-02-03"] * 2, FILES, False),
            (KEPT, ["2025-02-03"], 1, True),
        ],
        ids=["no record", "rows left", "files before rows", "another day", "two records", "files left"],
    )
    def test_must_not_be_in_these(self, tmp_path, source, recorded, files, ended):
        assert len(self.found(tmp_path, source, recorded, files, ended=ended)) == 1


class TestBackup:
    def test_may_be_missing_after_a_kill_only(self, tmp_path):
        assert _backup_violations(tmp_path, HomeState(), ended=False) == []
        assert _backup_violations(tmp_path, HomeState(), ended=True) == ["there is no backup"]

    def test_must_be_complete(self, tmp_path):
        (tmp_path / "backup" / "home").mkdir(parents=True)
        (found,) = _backup_violations(tmp_path, HomeState(), ended=False)
        assert found.startswith("the backup is not complete")
