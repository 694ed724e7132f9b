"""What an asset shows in the Dagster UI: column schemas, tables as markdown, figures, counts per day.

Only presentation: the numbers come from the caller.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING

import dagster as dg

from intent_platform.partitions import Window
from intent_platform.platforms.loading import in_window
from intent_platform.platforms.ports import Connection
from intent_platform.tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from intent_platform.modelling.metrics import CurvePoints, ReliabilityBin

#: The pool that writers of the warehouse share: with its limit of 1 (dagster.yaml) one run writes at a time.
WRITER_POOL = "warehouse_writer"

_INK, _SECOND, _GREY = "#1f4e79", "#d97706", "#9ca3af"


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


def rows_by_day(connection: Connection, table: Table, window: Window) -> dict[date, int]:
    """How many rows of `table` each day of `window` holds; days without rows are in it with 0."""
    counted = connection.fetch(
        f"SELECT {table.date_column} AS DAY, COUNT(*) AS COUNTED FROM {table.name} "  # noqa: S608
        f"WHERE {in_window(table)} GROUP BY {table.date_column}",
        start=window.start,
        end=window.end,
    )
    counts = dict.fromkeys(window, 0)
    counts.update({row["DAY"]: row["COUNTED"] for row in counted.to_pylist()})
    return counts


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


def precision_recall_figure(curves: Mapping[str, "CurvePoints"], prevalence: float) -> dg.MarkdownMetadataValue:
    """Precision against recall of each model, with the share of purchases as the line to beat."""
    figure, axes = _canvas("Precision–recall on the test window", "recall", "precision")
    for (name, curve), colour in zip(curves.items(), (_INK, _SECOND), strict=False):
        axes.plot(curve.recall, curve.precision, color=colour, label=name, drawstyle="steps-post")
    axes.axhline(prevalence, color=_GREY, linestyle=":", label="share of purchases")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False)
    return _image(figure, "precision–recall curve")


def calibration_figure(bins: Mapping[str, Sequence["ReliabilityBin"]]) -> dg.MarkdownMetadataValue:
    """Observed share of purchases against the mean score of each bin."""
    figure, axes = _canvas("Calibration on the test window", "mean score", "share of purchases")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", label="perfect")
    for (name, points), colour in zip(bins.items(), (_INK, _SECOND), strict=False):
        axes.plot([p.mean_score for p in points], [p.rate for p in points], "o-", color=colour, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False)
    return _image(figure, "calibration curve")


def score_histogram(counts: Mapping[int, int], bins: int) -> dg.MarkdownMetadataValue:
    """How many sessions fell into each of `bins` equal bins of the score; the count axis is logarithmic."""
    figure, axes = _canvas("Scores", "probability of a purchase", "sessions")
    axes.bar([(number + 0.5) / bins for number in counts], list(counts.values()), width=0.9 / bins, color=_INK)
    axes.set(xlim=(0, 1))
    if counts:
        axes.set_yscale("log")
    return _image(figure, "histogram of the scores")


def _canvas(title: str, x_label: str, y_label: str) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.6), dpi=96, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _image(figure: "Figure", alternative_text: str) -> dg.MarkdownMetadataValue:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return dg.MetadataValue.md(f"![{alternative_text}](data:image/png;base64,{b64encode(buffer.getvalue()).decode()})")
