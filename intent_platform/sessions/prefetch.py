"""Prefetches batches: a thread makes the next batches while earlier ones are checked and written."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


@contextmanager
def prefetch(items: Iterable[Item], depth: int = 2) -> Iterator[Iterator[Item]]:
    """Iterate over `items` in their order, with up to `depth` items made in advance by another thread.

    An exception of `items` is raised in place of the item. After the context ends, no thread works on `items`.
    """
    iterator = iter(items)
    # One worker: an iterator must not be used by two threads at once, and the order must stay.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    waiting = deque(worker.submit(next, iterator, _END) for _ in range(depth))

    def in_order() -> Iterator[Item]:
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(worker.submit(next, iterator, _END))
            yield item  # type: ignore[misc]  # the loop ends at _END

    try:
        yield in_order()
    finally:
        worker.shutdown(cancel_futures=True)
