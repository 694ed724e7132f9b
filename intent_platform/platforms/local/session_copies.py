"""Where the home keeps copies of sessions besides its tables, and the deletion of old ones.

They are the staged batches of a killed load, the draft of a rewritten warehouse, and what a restore has replaced.
"""

import shutil
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from intent_platform.errors import WarehouseError
from intent_platform.partitions import TIMEZONE

#: The beginning of the names of the folders with the staged batches of a load.
STAGED = ".staged-"
#: The beginning of the names of the folders that keep what a restore replaced.
REPLACED = "replaced_"
#: The suffix of the file that will replace the warehouse.
REWRITTEN = ".rewritten"


def delete_old_copies(warehouse: Path, kept_from: date) -> Sequence[str]:
    """Delete the copies beside the warehouse that nobody changed since `kept_from`, and return their names.

    A load, a rewriting or a restore lasts much less than a day, so nobody uses an old copy.

    Raises:
        WarehouseError: a copy cannot be deleted.
    """
    names = []
    patterns = (f"{STAGED}*", f"{REPLACED}*", warehouse.with_suffix(REWRITTEN).name)
    for path in sorted(path for pattern in patterns for path in warehouse.parent.glob(pattern)):
        try:
            if datetime.fromtimestamp(path.stat().st_mtime, TIMEZONE).date() >= kept_from:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # another process deleted it
        except OSError as error:
            raise WarehouseError(
                f"{path} holds sessions that are too old and cannot be deleted ({error.strerror}): delete it"
            ) from error
        names.append(path.name)
    return names
