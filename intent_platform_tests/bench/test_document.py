from pathlib import Path

import pytest

from bench.document import fill


@pytest.fixture
def document(tmp_path: Path) -> Path:
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nafter\n")
    return document


class TestFill:
    def test_replaces_only_the_table_between_its_markers(self, document):
        """Also when it is called again."""
        for _ in range(2):
            fill(document, "a", ("x", "y"), [(1, "2 %")])
        assert document.read_text() == (
            "before\n<!-- a -->\n\n| x | y |\n| --- | --- |\n| 1 | 2 % |\n\n<!-- /a -->\nafter\n"
        )

    def test_refuses_a_page_without_the_markers(self, document):
        with pytest.raises(ValueError, match="no place"):
            fill(document, "b", ("x",), [])
