"""How commands show texts, tables and numbers on the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def open_console(*, soft_wrap: bool = False) -> Console:
    """Return a console that shows every text as it is. With `soft_wrap`, the terminal wraps the lines.

    By itself, Rich would take `[/x]` in the name of a folder for its own markup and fail, and `:name:` for an emoji.
    """
    return Console(markup=False, emoji=False, soft_wrap=soft_wrap)


def bold(text: str) -> Text:
    """Return the text in bold type, as a part of what a console prints."""
    return Text(text, style="bold")


def plain_table(title: str, **options: Any) -> Table:
    """Return an empty table without a frame. `rich.table.Table` takes the `options`."""
    return Table(title=title, box=None, pad_edge=False, **options)


def three_digits(value: float | None) -> str:
    """Format a measure between 0 and 1 with three decimal places. A dash stands for a missing measure."""
    return "–" if value is None else f"{value:.3f}"
