"""Load the sessions and run the last twelve months.

The months run through Dagster, in the order in which the schedules would have run them. Materialized partitions are
skipped. A second call therefore changes nothing, and an interrupted one continues where it stopped.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from intent_platform.assets.data_versions import outdated_days
from intent_platform.automation.jobs import EVALUATION_JOB, PROMOTION_JOB, SCORES_JOB, SESSIONS_JOB, TRAINING_JOB
from intent_platform.commands.setup import csv_option, refuse_a_mixture, settings_with
from intent_platform.definitions import build_definitions
from intent_platform.errors import FeedError, TrainingRefused
from intent_platform.instance import open_instance, run_job
from intent_platform.partitions import (
    Window,
    day_of,
    evaluation_window,
    month_keys,
    month_window,
    training_window,
)
from intent_platform.pipeline.counts import purchases
from intent_platform.pipeline.promotion import pending_promotion
from intent_platform.pipeline.source import available_days
from intent_platform.pipeline.summary import MonthSummary, month_summaries
from intent_platform.platforms import platform_for
from intent_platform.platforms.champion import settle
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.ports import Platform
from intent_platform.sessions.choice import session_source
from intent_platform.settings import Settings
from intent_platform.terminal import open_console, plain_table, three_digits

_STEPS_PER_MONTH = 5


def options(parser: ArgumentParser) -> None:
    """Declare the option that names the UCI file."""
    csv_option(parser)


def run(csv: Path | None) -> None:
    """Run the last months of the source, as many as `demo_months`, and print a summary of them.

    Raises:
        FeedError: the source has no past months or cannot deliver, or the home holds sessions of another file or feed.
    """
    settings = settings_with(csv)
    platform = platform_for(settings)
    refuse_a_mixture(settings, platform)  # first, so an unreachable account fails before anything is created
    extent = available_days(platform, session_source(settings))
    if extent is None:
        raise FeedError(
            f"the demo runs past months, and the feed {settings.feed} has none: set feed to simulated or uci"
        )
    console = open_console()
    for sentence in settle(platform).repairs:  # without a ledger row nobody is champion of a past day
        console.print(sentence, soft_wrap=True)
    with open_instance(settings) as instance:
        demo = DemoRun(settings, platform, build_definitions(settings), instance, extent)
        months = month_keys(extent)[-settings.demo_months :]
        with _progress(console) as progress:
            bar = progress.add_task("starting", total=_STEPS_PER_MONTH * len(months))
            for month in months:
                for title, step in demo.steps(month):
                    progress.update(bar, description=f"{month[:7]}  {title}")
                    step()
                    progress.advance(bar)
            progress.update(bar, description="done")
    with platform.warehouse.connect() as connection:
        summaries = month_summaries(connection, months)
    console.print(_summary_table(summaries))
    console.print(_closing_words(demo.runs, demo.rows_written), soft_wrap=True)


@dataclass
class DemoRun:
    """One pass over the months. It counts the runs that it started and the rows that they wrote."""

    settings: Settings
    platform: Platform
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    extent: Window
    runs: int = 0
    rows_written: int = 0

    def steps(self, month: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield the title and the action of each step of a month, in the order of the schedules.

        The champion before the evaluation scores the days of the test window. The champion after it scores the others.
        """
        whole = month_window(month).intersection(self.extent)  # the source may end within the month
        test = evaluation_window(month, self.settings.evaluation.days)
        yield "sessions and features", lambda: self._days(SESSIONS_JOB.name, ("dataset",), whole)
        yield "scores before the evaluation", lambda: self._scores(test.intersection(whole))
        yield "challenger", lambda: self._challenger(month)
        yield "evaluation", lambda: self._evaluation(month, test)
        yield "scores after the evaluation", lambda: self._scores(whole)

    def _days(self, job: str, assets: tuple[str, ...], window: Window) -> None:
        materialized = set.intersection(*(self._materialized(asset) for asset in assets))
        outdated = outdated_days(self.instance) if "dataset" in assets else set()  # another release built them
        missing = [day for day in window if day.isoformat() not in materialized or day in outdated]
        if missing:
            # One run over the range costs less than one run a day, even if it repeats some days.
            self._run(job, window=Window(missing[0], window.end))

    def _scores(self, window: Window) -> None:
        with self.platform.warehouse.connect() as connection:
            moves = read_ledger(connection).moves
        if moves and moves[0].effective_date < window.end:  # no version could score the days before the first champion
            self._days(SCORES_JOB.name, ("scores",), window)

    def _challenger(self, month: str) -> None:
        if month in self._materialized("challenger_model"):
            return
        with self.platform.warehouse.connect() as connection:
            available = purchases(connection, training_window(month, self.settings.training.months))
        if available >= self.settings.training.minimum_purchases:
            with suppress(TrainingRefused):  # the training sample may have too few; the failed run says so
                self._run(TRAINING_JOB.name, partition=month)

    def _evaluation(self, month: str, test: Window) -> None:
        if month not in self._materialized("challenger_model") or test.end > self.extent.end:
            return
        # The demo runs in the past: the champion changes on the day after the test window, not today.
        config: dict[str, object] = {"ops": {"champion_alias": {"config": {"effective_date": test.end.isoformat()}}}}
        if month not in self._materialized("evaluation"):
            self._run(EVALUATION_JOB.name, partition=month, config=config)
        elif self._has_pending_promotion(day_of(month)):  # an earlier call was interrupted between the two assets
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
            if rows is not None and event.asset_key is not None:  # each partition's event has the total of the run
                written[event.asset_key.to_user_string()] = int(str(rows.value))
        self.rows_written += sum(written.values())


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _summary_table(summaries: Sequence[MonthSummary]) -> Table:
    """The summary, one row a month. `champion then` is the champion at the end of the month."""
    table = plain_table(
        "PR-AUC of challenger and champion; thin months are pooled with earlier ones", padding=(0, 2, 0, 0)
    )
    for name in ("month", "challenger", "decision", "PR-AUC", "champ.", "champion then"):
        table.add_column(name, no_wrap=True)
    table.add_column("scored", justify="right")
    for month in summaries:
        table.add_row(
            month.key[:7],
            month.challenger or "too few purchases",
            month.decision or "–",
            three_digits(month.challenger_pr_auc),
            three_digits(month.champion_pr_auc),
            month.champion or "nobody yet",
            f"{month.scored:,}",
        )
    return table


def _closing_words(runs: int, rows_written: int) -> str:
    if runs == 0:
        result = "Everything is up to date: no run was started and no row changed."
    else:
        result = f"{runs} runs wrote {rows_written:,} rows."
    return (
        f"{result}\n\nNext:\n"
        "  make dev                                 open the UI with every run above, schedules and sensors\n"
        "  make rollback version=v_YYMMDD_HHMMSS    make a version of the table champion again\n"
        "  make help                                list all commands"
    )
