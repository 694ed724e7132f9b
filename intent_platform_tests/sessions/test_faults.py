"""Whatever a file makes a library raise becomes one sentence that names the file."""

from pathlib import Path

import pyarrow as pa
import pytest

from intent_platform.errors import FeedError
from intent_platform.sessions.faults import UnreadableFile, printable, reading

PATH = Path("landing/sessions.csv")


class TestReading:
    @pytest.mark.parametrize(
        "raised",
        [
            pa.ArrowNotImplementedError("no kernel"),
            UnicodeDecodeError("utf-8", b"x", 0, 1, "invalid start byte"),
            LookupError("unknown encoding"),
            OverflowError("date value out of range"),
            MemoryError(),
            OSError(5, "Input/output error"),
            ValueError("two\nlines"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_names_the_file_for_any_exception(self, raised):
        with pytest.raises(UnreadableFile) as caught, reading(PATH):
            raise raised
        assert str(caught.value).startswith("landing/sessions.csv cannot be read as a table (")
        assert "\n" not in str(caught.value)
        assert (caught.value.name, caught.value.__cause__) == ("sessions.csv", raised)
        assert isinstance(caught.value, FeedError)

    def test_keeps_the_fault_that_is_already_named(self):
        fault = UnreadableFile(PATH, "is empty: provide a file")
        with pytest.raises(UnreadableFile, match=r"^landing/sessions\.csv is empty: provide a file$"), reading(PATH):
            raise fault

    def test_shortens_a_long_reason(self):
        with pytest.raises(UnreadableFile) as caught, reading(PATH):
            raise ValueError("x" * 100_000)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "shown"),
    [("日本 a.csv", "日本 a.csv"), ("a\nb\t", "a\\nb\\t"), ("caf\udce9", "caf\\udce9"), ("\u202egnp", "\\u202egnp")],
    ids=["printable", "line break", "not UTF-8", "writing direction"],
)
def test_text_becomes_printable(text, shown):
    assert printable(text) == shown
