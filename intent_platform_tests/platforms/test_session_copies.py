"""Copies of sessions in the home besides its tables: the old ones are deleted, and nothing else is."""

import os
import shutil
from datetime import date, datetime
from pathlib import Path

import pytest

from intent_platform.errors import WarehouseError
from intent_platform.partitions import TIMEZONE
from intent_platform.platforms.local.session_copies import delete_old_copies

MONDAY, TUESDAY = date(2024, 5, 13), date(2024, 5, 14)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse of Monday, with a copy of each kind and other files of the home."""
    for folder in (".staged-7-abc/RECEIVED", "replaced_240513_120000/landing", "landing/accepted", "mlartifacts"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").touch()
    (tmp_path / "warehouse.duckdb").touch()
    (tmp_path / "warehouse.rewritten").touch()
    monday = datetime(2024, 5, 13, 12, tzinfo=TIMEZONE).timestamp()
    for path in tmp_path.rglob("*"):
        os.utime(path, (monday, monday))
    return tmp_path / "warehouse.duckdb"


class TestOldCopies:
    def test_are_deleted(self, warehouse):
        copies = [".staged-7-abc", "replaced_240513_120000", "warehouse.rewritten"]
        assert delete_old_copies(warehouse, TUESDAY) == copies
        assert {path.name for path in warehouse.parent.iterdir()} == {"landing", "mlartifacts", "warehouse.duckdb"}
        assert delete_old_copies(warehouse, TUESDAY) == []

    def test_stay_as_long_as_their_sessions_may(self, warehouse):
        assert delete_old_copies(warehouse, MONDAY) == []
        assert len([*warehouse.parent.iterdir()]) == 6

    def test_that_cannot_be_deleted_are_named(self, warehouse, monkeypatch):
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(WarehouseError, match="staged-7-abc holds sessions that are too old"):
            delete_old_copies(warehouse, TUESDAY)
