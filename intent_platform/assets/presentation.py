"""What an asset shows in the Dagster UI: column schemas, tables as Markdown, row counts of each day.

Only presentation: the numbers come from the caller. Figures are in `figures`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import dagster as dg

from intent_platform.tables import Table


def column_schema(table: Table) -> dg.TableSchema:
    """The table's contract as Dagster's column schema."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.meaning,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table.columns
        ]
    )


def table_metadata(table: Table) -> dict[str, object]:
    """The definition metadata of an asset that is a table."""
    return {"dagster/column_schema": column_schema(table), "dagster/table_name": table.name}


def record_row_counts(context: dg.AssetExecutionContext, counts: Mapping[date, int]) -> None:
    """Give every partition of the run its own row count, and warn of days without any."""
    for day, rows in counts.items():
        context.add_asset_metadata({"dagster/partition_row_count": rows}, partition_key=day.isoformat())
    empty = [day.isoformat() for day, rows in counts.items() if rows == 0]
    if empty:
        context.log.warning(
            f"{len(empty)} of {len(counts)} days have no sessions: {', '.join(empty[:5])}{' …' if empty[5:] else ''}"
        )


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A table for the metadata panel; floats are shown with four digits."""
    lines = [_row(header), _row(["---"] * len(header)), *(_row(row) for row in rows)]
    return dg.MetadataValue.md("\n".join(lines))


def _row(cells: Sequence[object]) -> str:
    shown = ("–" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells)
    return f"| {' | '.join(shown)} |"
