import threading
from collections.abc import Callable, Iterator

import pytest

from intent_platform.sessions.prefetch import prefetch


def failing_at_the_third() -> Iterator[str]:
    yield "first"
    yield "second"
    raise ValueError("the third")


class TestItems:
    @pytest.mark.parametrize("depth", [1, 2, 5])
    def test_keep_their_order(self, depth):
        with prefetch(iter(range(100)), depth) as items:
            assert list(items) == list(range(100))

    def test_are_made_at_most_depth_in_advance(self):
        made: list[int] = []

        def noted() -> Iterator[int]:
            for number in range(100):
                made.append(number)
                yield number

        with prefetch(noted(), depth=2) as items:
            for number in items:
                assert len(made) <= number + 3
                if number == 10:
                    break
        assert len(made) <= 13

    def test_an_error_is_raised_in_place_of_its_item(self):
        with prefetch(failing_at_the_third()) as items:
            assert (next(items), next(items)) == ("first", "second")
            with pytest.raises(ValueError, match="the third"):
                next(items)

    def test_an_error_in_the_context_is_raised(self):
        with pytest.raises(RuntimeError, match="mine"):
            fail_in_the_context()


def take_all(depth: int) -> None:
    with prefetch(iter(range(100)), depth) as items:
        list(items)


def leave_early(depth: int) -> None:
    with prefetch(iter(range(100)), depth) as items:
        next(items)


def meet_an_error() -> None:
    with prefetch(failing_at_the_third()) as items:
        list(items)


def fail_in_the_context() -> None:
    with prefetch(iter(range(100))) as items:
        next(items)
        raise RuntimeError("mine")


class TestThread:
    def running(self) -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")}

    @pytest.mark.parametrize("depth", [1, 2, 5])
    @pytest.mark.parametrize("use", [take_all, leave_early])
    def test_ends_with_the_context(self, use: Callable[[int], None], depth: int):
        use(depth)
        assert self.running() == set()

    @pytest.mark.parametrize(
        ("use", "error"), [(meet_an_error, ValueError), (fail_in_the_context, RuntimeError)], ids=["item", "context"]
    )
    def test_ends_after_an_error(self, use: Callable[[], None], error: type[Exception]):
        with pytest.raises(error, match=r"the third|mine"):
            use()
        assert self.running() == set()
