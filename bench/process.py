"""Run a measurement in a separate process to get its peak memory, and time a measurement and print its speed."""

import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any


def alone(work: Callable[..., int], *given: Any) -> tuple[int, int]:
    """Call `work(*given)` in a new process; return its result and the peak memory of that process in MB."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_with_peak, work, given).result()


def _with_peak(work: Callable[..., int], given: tuple[Any, ...]) -> tuple[int, int]:
    done = work(*given)
    # The peak in /proc is that of this process alone; `getrusage` starts from the memory of the parent.
    (peak,) = (line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if "VmHWM" in line)
    return done, int(peak.split()[1]) >> 10


def timed(what: str, work: Callable[[], int]) -> int:
    """Call `work`, print the rows that it processed per wall-clock second and per CPU second, and return the rows.

    CPU seconds are those of all threads.
    """
    clock, processors = time.perf_counter(), time.process_time()
    rows = work()
    clock, processors = time.perf_counter() - clock, time.process_time() - processors
    sys.stdout.write(
        f"{what:32} {clock:7.2f} s {rows / clock:12,.0f} rows/s   "
        f"{processors:7.2f} CPU s {rows / processors:12,.0f} rows/CPU s\n"
    )
    sys.stdout.flush()
    return rows
