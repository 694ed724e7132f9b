"""How commands show tables and figures on the terminal."""

from typing import Any

from rich.table import Table


def plain_table(title: str, **options: Any) -> Table:
    """A table without a frame; `options` are those of `rich.table.Table`."""
    return Table(title=title, box=None, pad_edge=False, **options)


def three_digits(value: float | None) -> str:
    """A measure between 0 and 1; a dash where it was not measured."""
    return "–" if value is None else f"{value:.3f}"
