import threading
from collections.abc import Iterator

import pytest

from intent_platform.sessions.prefetch import prefetch


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")}


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_everything_comes_in_its_order_and_no_thread_is_left(depth):
    with prefetch(iter(range(100)), depth) as items:
        assert list(items) == list(range(100))
    assert threads() == set()


def test_no_more_is_made_than_was_asked_for_and_the_depth():
    made: list[int] = []

    def making() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with prefetch(making(), depth=2) as items:
        for number in items:
            assert len(made) <= number + 3
            if number == 10:
                break
    assert len(made) <= 13
    assert threads() == set()


def test_an_error_comes_where_its_item_would_have():
    def stumbling() -> Iterator[str]:
        yield "first"
        yield "second"
        raise ValueError("the third")

    with prefetch(stumbling()) as items:
        assert (next(items), next(items)) == ("first", "second")
        with pytest.raises(ValueError, match="the third"):
            next(items)
    assert threads() == set()


def test_an_error_of_the_user_ends_the_making():
    def stumble() -> None:
        with prefetch(iter(range(100))) as items:
            next(items)
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        stumble()
    assert threads() == set()
