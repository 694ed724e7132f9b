"""Batches on their way into the local warehouse: Parquet files beside it.

A temporary table of DuckDB would hold them in memory, or write them to disk too, after compressing them.
"""

import glob
import os
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

_PREFIX = ".staged-"


class Staging:
    """What one session staged. Makes its folder with the first batch, and removes it when it is closed."""

    def __init__(self, warehouse: Path) -> None:
        self._beside = warehouse.parent
        self._folder: TemporaryDirectory[str] | None = None
        self._files: Counter[str] = Counter()

    def append(self, name: str, batch: pa.Table) -> str:
        """Write `batch`; a glob pattern of all the files of that name."""
        if self._folder is None:
            self._remove_leftovers()
            self._folder = TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=self._beside)
        folder = Path(self._folder.name) / name
        folder.mkdir(exist_ok=True)
        if batch.num_rows or not self._files[name]:  # the first one says which columns there are
            file = folder / f"{self._files[name]}.parquet"
            # Read once or twice, soon: neither encoding nor statistics would pay.
            pq.write_table(batch, file, use_dictionary=False, compression="none", write_statistics=False)
            self._files[name] += 1
        return f"{glob.escape(str(folder))}/*.parquet"

    def close(self) -> None:
        """Remove the files."""
        if self._folder is not None:
            self._folder.cleanup()

    def _remove_leftovers(self) -> None:
        """What a process that was killed has left: whoever has the warehouse open has it alone."""
        for folder in self._beside.glob(f"{_PREFIX}*"):
            if not folder.name.startswith(f"{_PREFIX}{os.getpid()}-"):
                shutil.rmtree(folder, ignore_errors=True)
