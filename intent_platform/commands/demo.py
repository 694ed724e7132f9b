"""`make demo`: the months of the feed in order, as the schedules would have played them, through Dagster.

What is materialized already is left alone, so a second call changes nothing and an interrupted one goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from intent_platform.automation.jobs import EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.commands.instance import open_instance, run_job
from intent_platform.commands.setup import refuse_a_mixture, settings_with
from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError, TrainingRefused
from intent_platform.partitions import (
    Window,
    day_of,
    evaluation_window,
    month_keys,
    month_window,
    training_window,
)
from intent_platform.pipeline.evaluation import purchases
from intent_platform.pipeline.observation import extent_of, observed_table
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.platforms import platform_for
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.feed import open_feed
from intent_platform.settings import Settings

_STEPS_PER_MONTH = 5


def demo(csv: Path | None) -> None:
    """Play all months of the feed and print what became of them.

    Raises:
        FeedError: the feed cannot deliver, or the home holds the sessions of another file.
    """
    settings = settings_with(csv)
    platform = platform_for(settings)
    refuse_a_mixture(settings, platform)  # an account that cannot be reached says so here, before anything is made
    extent = open_feed(settings).extent()
    if observed := observed_table(settings):
        with platform.warehouse.connect() as connection:
            extent = extent_of(connection, observed)
    if extent is None:
        raise FeedError(
            f"the demo plays a feed of known months, and {settings.feed} has none: set feed to simulated or uci"
        )
    console = Console()
    with open_instance(settings) as instance:
        play = DemoRun(settings, platform, build_definitions(settings), instance, extent)
        months = month_keys(extent)[-settings.demo_months :]
        with _progress(console) as progress:
            bar = progress.add_task("starting", total=_STEPS_PER_MONTH * len(months))
            for month in months:
                for title, step in play.steps(month):
                    progress.update(bar, description=f"{month[:7]}  {title}")
                    step()
                    progress.advance(bar)
            progress.update(bar, description="done")
    console.print(_summary(platform, months))
    console.print(_closing_words(play.runs, play.rows_written), soft_wrap=True)


@dataclass
class DemoRun:
    """One pass over the months; counts the runs it started and the rows they wrote."""

    settings: Settings
    platform: Platform
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    extent: Window
    runs: int = 0
    rows_written: int = 0

    def steps(self, month: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """The month as the schedules play it: the first two weeks are scored before the evaluation, the rest after."""
        whole = month_window(month).intersection(self.extent)  # a living feed ends yesterday
        test = evaluation_window(month, self.settings.evaluation.days)
        yield "sessions and features", lambda: self._days(SESSIONS_JOB.name, ("dataset",), whole)
        yield "scores before the evaluation", lambda: self._scores(test.intersection(whole))
        yield "challenger", lambda: self._challenger(month)
        yield "evaluation", lambda: self._evaluation(month, test)
        yield "scores after the evaluation", lambda: self._scores(whole)

    def _days(self, job: str, assets: tuple[str, ...], window: Window) -> None:
        there = set.intersection(*(self._materialized(asset) for asset in assets))
        missing = [day for day in window if day.isoformat() not in there]
        if missing:
            self._run(job, window=Window(missing[0], window.end))

    def _scores(self, window: Window) -> None:
        with self.platform.warehouse.connect() as connection:
            moves = read_ledger(connection).moves
        if moves and moves[0].effective_date < window.end:  # nobody scored the days before the first champion
            self._days(SCORES_JOB.name, ("scores",), window)

    def _challenger(self, month: str) -> None:
        if month in self._materialized("challenger_model"):
            return
        with self.platform.warehouse.connect() as connection:
            found = purchases(connection, training_window(month, self.settings.training.months))
        if found >= self.settings.training.minimum_purchases:
            with suppress(TrainingRefused):  # a sample of them may have too few; the run says so
                self._run(TRAINING_JOB.name, partition=month)

    def _evaluation(self, month: str, test: Window) -> None:
        if month not in self._materialized("challenger_model") or test.end > self.extent.end:
            return
        config: dict[str, object] = {"ops": {"champion_alias": {"config": {"effective_date": test.end.isoformat()}}}}
        if month not in self._materialized("evaluation"):
            self._run(EVALUATION_JOB.name, partition=month, config=config)
        elif self._has_pending_promotion(day_of(month)):  # an interruption came between the two
            self._run(PROMOTION_JOB.name, config=config)

    def _has_pending_promotion(self, month: date) -> bool:
        champion = self.platform.registry.champion()
        with self.platform.warehouse.connect() as connection:
            pending = pending_promotion(connection, read_ledger(connection), champion.name if champion else None)
        return pending is not None and pending.month == month

    def _materialized(self, asset: str) -> set[str]:
        return self.instance.get_materialized_partitions(dg.AssetKey(asset))

    def _run(
        self,
        job: str,
        *,
        window: Window | None = None,
        partition: str | None = None,
        config: dict[str, object] | None = None,
    ) -> None:
        result = run_job(self.definitions, self.instance, job, window=window, partition=partition, config=config)
        self.runs += 1
        written: dict[str, int] = {}
        for event in result.get_asset_materialization_events():
            rows = event.materialization.metadata.get("rows_written")
            if rows is not None and event.asset_key is not None:  # the same for every partition of the run
                written[event.asset_key.to_user_string()] = int(str(rows.value))
        self.rows_written += sum(written.values())


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _summary(platform: Platform, months: list[str]) -> Table:
    """Month by month: challenger, decision, PR-AUC of both, champion from then on, sessions scored."""
    with platform.warehouse.connect() as connection:
        evaluations = {
            row["MONTH"]: row
            for row in connection.fetch(
                "SELECT MONTH, CHALLENGER, DECISION, CHALLENGER_PR_AUC, CHAMPION_PR_AUC FROM EVALUATIONS "
                "ORDER BY DECIDED_AT"
            ).to_pylist()
        }
        scored = {
            row["MONTH"]: row["COUNTED"]
            for row in connection.fetch(
                "SELECT CAST(DATE_TRUNC('MONTH', SESSION_DATE) AS DATE) AS MONTH, COUNT(*) AS COUNTED "
                "FROM SCORES GROUP BY 1"
            ).to_pylist()
        }
        ledger = read_ledger(connection)
    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        title="PR-AUC of challenger and champion; thin months are pooled with earlier ones",
    )
    for name in ("month", "challenger", "decision", "PR-AUC", "champ.", "champion then"):
        table.add_column(name, no_wrap=True)
    table.add_column("scored", justify="right")
    for month in months:
        first = day_of(month)
        row = evaluations.get(first, {})
        moves = [move for move in ledger.moves if move.effective_date < month_window(month).end]
        table.add_row(
            month[:7],
            row.get("CHALLENGER", "too few purchases"),
            row.get("DECISION", "–"),
            _figure(row.get("CHALLENGER_PR_AUC")),
            _figure(row.get("CHAMPION_PR_AUC")),
            moves[-1].to_version if moves else "nobody yet",
            f"{scored.get(first, 0):,}",
        )
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _closing_words(runs: int, rows_written: int) -> str:
    if runs == 0:
        did = "Everything was in place already: no run was started and no row changed."
    else:
        did = f"{runs} runs wrote {rows_written:,} rows."
    return (
        f"{did}\n\nNext:\n"
        "  make dev                                 the UI with every run above, schedules and sensors\n"
        "  make rollback version=v_YYMMDD_HHMMSS    move the champion back to a version of the table\n"
        "  make help                                everything else"
    )
