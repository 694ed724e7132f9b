"""Forgets a visitor: in all tables, in the session files, and in the free space of the local warehouse.

Afterwards everything is searched, so the result is what was found and not what was meant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from intent_platform.pipeline.forgetting import forget_rows, rows_naming
from intent_platform.platforms import platform_for
from intent_platform.platforms.local.session_copies import REPLACED
from intent_platform.platforms.local.warehouse import DuckDBWarehouse
from intent_platform.sessions.faults import UnreadableFile
from intent_platform.sessions.removal import files_naming, remove_visitor
from intent_platform.settings import Settings

_SESSION_FILES = (".csv", ".parquet")


@dataclass(frozen=True)
class Forgotten:
    """What was deleted, and where the visitor is still named.

    Attributes:
        rows: the number of deleted rows by table.
        files: the number of removed rows by session file.
        left: where the visitor is still named, or where nobody can look, one phrase each.
        beyond: where the platform does not reach, one sentence each.
    """

    rows: Mapping[str, int]
    files: Mapping[Path, int]
    left: tuple[str, ...]
    beyond: tuple[str, ...]


def forget(settings: Settings, uid: str) -> Forgotten:
    """Forget the visitor `uid`, given in the spelling of the tables. Nobody else may use the home meanwhile.

    Raises:
        WarehouseError: the warehouse is busy, or cannot be rewritten. Nothing of it is deleted, or all rows are.
    """
    platform = platform_for(settings)
    rows = forget_rows(platform, uid)
    files: dict[Path, int] = {}
    left: list[str] = []
    for path in _session_files(settings):
        try:
            removed = remove_visitor(path, uid)
        except UnreadableFile as error:
            left.append(f"{error}, or delete it")
        else:
            files |= {path: removed} if removed else {}
    if isinstance(platform.warehouse, DuckDBWarehouse):
        platform.warehouse.rewrite()
    left += [f"{count} rows of {table}" for table, count in rows_naming(platform, uid).items()]
    replaced = sorted(settings.home.glob(f"{REPLACED}*"))
    for folder in _searched_folders(settings):
        # The tables were searched by SQL, because the bytes of the warehouse are compressed.
        left += map(str, files_naming(folder, uid, skipped=[settings.warehouse_file, *replaced]))
    left += [f"the files of an earlier restore in {folder}" for folder in replaced]
    return Forgotten(rows, files, tuple(left), tuple(_beyond(settings)))


def _session_files(settings: Settings) -> list[Path]:
    """The waiting and the accepted files of the landing folder."""
    folders = (settings.landing_folder, settings.landing_folder / "accepted")
    return sorted(
        path
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix.lower() in _SESSION_FILES and path.is_file() and not path.is_symlink()
    )


def _searched_folders(settings: Settings) -> list[Path]:
    """The home, and the landing folder if it lies elsewhere."""
    inside = settings.landing_folder.is_relative_to(settings.home)
    return [settings.home] if inside else [settings.home, settings.landing_folder]


def _beyond(settings: Settings) -> Iterator[str]:
    yield "Backups that you made: make new ones and delete the old ones."
    if settings.deployment != "local":
        yield "Time Travel and Fail-safe of Snowflake, for as many days as the account retains: see docs/snowflake.md."
    if settings.feed in ("simulated", "uci"):
        yield f"The feed {settings.feed}, which delivers the visitor again if the day is loaded again."
    if settings.feed == "table":
        yield f"The observed table {settings.table.title}, which belongs to somebody else."
