"""Stages the batches of a load as Parquet files beside the local warehouse.

A temporary table of DuckDB would keep the batches in memory, or compress them before it writes them to disk.
"""

import glob
import os
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from intent_platform.errors import WarehouseError
from intent_platform.platforms.local.session_copies import STAGED


class Staging:
    """The staged files of one connection. The first batch creates their folder, and `close` removes it."""

    def __init__(self, warehouse: Path) -> None:
        self._parent = warehouse.parent
        self._folder: TemporaryDirectory[str] | None = None
        self._files: Counter[str] = Counter()

    def append(self, name: str, batch: pa.Table) -> str:
        """Write `batch` to a file, and return a glob pattern for all files of that name.

        Raises:
            WarehouseError: the folder of the warehouse is full or cannot be written.
        """
        try:
            return self._append(name, batch)
        except OSError as error:
            raise WarehouseError(
                f"cannot stage sessions in {self._parent} ({error.strerror or error}): free space on its disk, and "
                "check that you can write the folder"
            ) from error

    def _append(self, name: str, batch: pa.Table) -> str:
        if self._folder is None:
            self._remove_leftovers()
            self._folder = TemporaryDirectory(
                prefix=f"{STAGED}{os.getpid()}-", dir=self._parent, ignore_cleanup_errors=True
            )
        folder = Path(self._folder.name) / name
        folder.mkdir(exist_ok=True)
        # An empty batch is written only if it is the first, because the first file defines the columns.
        if batch.num_rows or not self._files[name]:
            file = folder / f"{self._files[name]}.parquet"
            # DuckDB reads the file once or twice, so encoding, compression and statistics would not pay off.
            pq.write_table(batch, file, use_dictionary=False, compression="none", write_statistics=False)
            self._files[name] += 1
        return f"{glob.escape(str(folder))}/*.parquet"

    def close(self) -> None:
        """Remove the files."""
        if self._folder is not None:
            self._folder.cleanup()

    def _remove_leftovers(self) -> None:
        """Remove the folders of killed processes. Only one process has the warehouse, so no other folder is in use."""
        for folder in self._parent.glob(f"{STAGED}*"):
            if not folder.name.startswith(f"{STAGED}{os.getpid()}-"):
                shutil.rmtree(folder, ignore_errors=True)
