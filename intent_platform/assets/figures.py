"""The figures of the metadata panel, as PNG images in Markdown. The numbers come from the caller."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from intent_platform.modelling.metrics import CurvePoints, ReliabilityBin

_INK, _SECOND, _GREY = "#1f4e79", "#d97706", "#9ca3af"


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
