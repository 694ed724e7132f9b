"""A measurement in a process of its own, so that its peak memory is its own; and how a line of one is printed."""

import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any


def alone(work: Callable[..., int], *given: Any) -> tuple[int, int]:
    """What `work(*given)` returns in a new process, and the most memory that the process held, in MB."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_with_peak, work, given).result()


def _with_peak(work: Callable[..., int], given: tuple[Any, ...]) -> tuple[int, int]:
    done = work(*given)
    # Linux's own count: that of `getrusage` begins with what the parent held.
    (peak,) = (line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if "VmHWM" in line)
    return done, int(peak.split()[1]) >> 10


def timed(what: str, work: Callable[[], int]) -> int:
    """Print the rows that `work` counts by the second, of the clock and of processors (all threads together)."""
    clock, processors = time.perf_counter(), time.process_time()
    rows = work()
    clock, processors = time.perf_counter() - clock, time.process_time() - processors
    sys.stdout.write(
        f"{what:32} {clock:7.2f} s {rows / clock:12,.0f} rows/s   "
        f"{processors:7.2f} s of processors {rows / processors:12,.0f} rows/s\n"
    )
    sys.stdout.flush()
    return rows
