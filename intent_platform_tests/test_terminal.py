"""What commands print: texts of users and names of files are shown as they are."""

from pathlib import Path

import pytest

import intent_platform
from intent_platform.terminal import bold, open_console

PACKAGE = Path(intent_platform.__file__).parent


class TestConsole:
    @pytest.mark.parametrize("text", ["[/x]", "[bold]x[/bold]", "[link", ":bomb:", "\\[x]"])
    def test_shows_a_text_as_it_is(self, capsys, text):
        open_console(soft_wrap=True).print(text, bold(text), sep=" ")
        assert capsys.readouterr().out == f"{text} {text}\n"

    def test_is_opened_in_one_place(self):
        """A console of Rich's own would take a part of a text for markup."""
        opening = [path.name for path in PACKAGE.rglob("*.py") if "Console(" in path.read_text()]
        assert opening == ["terminal.py"]
