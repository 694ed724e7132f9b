"""Batches made ahead: a thread of its own makes the next ones while those before are checked and written."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


@contextmanager
def prefetch(items: Iterable[Item], depth: int = 2) -> Iterator[Iterator[Item]]:
    """`items` in their order, of which up to `depth` are made or being made before they are asked for.

    What `items` raises is raised where the item would have come. On leaving, no thread works on them any more.
    """
    iterator = iter(items)
    maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    waiting = deque(maker.submit(next, iterator, _END) for _ in range(depth))

    def made() -> Iterator[Item]:
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(maker.submit(next, iterator, _END))
            yield item  # type: ignore[misc]  # it is no _END

    try:
        yield made()
    finally:
        maker.shutdown(cancel_futures=True)
