"""How commands show tables and numbers on the terminal."""

from typing import Any

from rich.table import Table


def plain_table(title: str, **options: Any) -> Table:
    """Return an empty table without a frame. `rich.table.Table` takes the `options`."""
    return Table(title=title, box=None, pad_edge=False, **options)


def three_digits(value: float | None) -> str:
    """Format a measure between 0 and 1 with three decimal places. A dash stands for a missing measure."""
    return "–" if value is None else f"{value:.3f}"
