"""The story of a shop that sends every statement of the product: from its first session to a rollback and late rows."""

from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pytest

from intent_platform.commands.setup import refuse_a_mixture
from intent_platform.errors import RawSessionsDeleted
from intent_platform.partitions import Window, day_of, now, wall_clock
from intent_platform.pipeline.dataset import build_dataset
from intent_platform.pipeline.expiry import delete_expired
from intent_platform.pipeline.forgetting import forget_rows, rows_naming
from intent_platform.pipeline.monitoring import ranking_on
from intent_platform.pipeline.observation import observed_extent
from intent_platform.pipeline.replay import dataset_months, replayed_challenger, score_history
from intent_platform.pipeline.rescoring import outdated_scores
from intent_platform.pipeline.summary import month_summaries, row_counts
from intent_platform.pipeline.training import training_rows
from intent_platform.platforms.champion import prove_fit, settle
from intent_platform.platforms.ledger import read_ledger
from intent_platform.platforms.loading import in_window, load_sessions
from intent_platform.sessions.choice import session_source
from intent_platform.sessions.contract import RawBatch, validate
from intent_platform.sessions.observed_table import ObservedTable
from intent_platform.tables import SOURCE, TABLES
from intent_platform_tests.assets.conftest import Shop
from intent_platform_tests.builders.sensors import evaluate
from intent_platform_tests.builders.sessions import landing_rows

MAY = Window(day_of("2024-05-01"), day_of("2024-05-11"))
LATE = Window(day_of("2024-07-01"), day_of("2024-07-02"))


@dataclass
class Story:
    """A shop without sessions, and the checks that failed so far."""

    shop: Shop
    failed_checks: set[str] = field(default_factory=set)

    def play(self) -> set[str]:
        """Play the whole story. Returns the checks that failed."""
        self.run("sessions_job", "2024-02-01", "2024-06-30")
        self.decide_two_months()
        first, second = (version.name for version in self.shop.platform.registry.versions())
        if self.shop.champion == first:
            self.force(second)
        self.score_and_roll_back(first)
        self.load_late_sessions()
        self.read_all_tables()
        self.failed_checks |= self.shop.failing_checks()
        self.observe_a_table()
        self.read_as_the_commands_do()
        for sensor in ("champion_sensor", "catch_up_sensor"):
            self.tick(sensor)
        self.settle_a_move()
        self.delete_old_sessions()
        self.forget_a_visitor()
        self.prove_without_rows(first)
        return self.failed_checks

    def run(self, job: str, *arguments: Any, shop: Shop | None = None, **options: Any) -> None:
        result = (shop or self.shop).run(job, *arguments, **options)
        self.failed_checks.update(e.check_name for e in result.get_asset_check_evaluations() if not e.passed)

    def decide_two_months(self) -> None:
        for month in ("2024-05-01", "2024-06-01"):
            self.run("training_job", month)
            effective = {"ops": {"champion_alias": {"config": {"effective_date": month}}}}
            self.run("evaluation_job", month, config=effective)

    def force(self, version: str) -> None:
        config = {"force": version, "reason": "the story", "effective_date": "2024-06-15"}
        self.run("promotion_job", config={"ops": {"champion_alias": {"config": config}}})

    def score_and_roll_back(self, version: str) -> None:
        """Score with the champion, roll back to the version, and score the outdated days again."""
        self.run("scores_job", MAY.keys[0], MAY.keys[-1])
        self.run("scores_job", "2024-06-15", "2024-06-30")
        config = {"version": version, "reason": "the story"}
        self.run("rollback", config={"ops": {"rollback_champion": {"config": config}}})
        with self.shop.platform.warehouse.connect() as connection:
            latest = read_ledger(connection).latest
            assert latest is not None
            assert outdated_scores(connection, MAY, latest) == [MAY]
        self.run("scores_job", MAY.keys[0], MAY.keys[-1])
        self.run("scores_job", MAY.keys[0], config={"ops": {"scores": {"config": {"model": "at_the_time"}}}})

    def load_late_sessions(self) -> None:
        """Load a landing file twice, with one repeated and one invalid row. Rows are replaced by key."""
        rows = landing_rows(LATE.start, 30)
        broken = rows.slice(0, 1).set_column(rows.column_names.index("REGION"), "REGION", pa.array(["nowhere"]))
        batch = validate(RawBatch(pa.concat_tables([rows, rows.slice(3, 1), broken]), "late.csv"), LATE)
        for _ in range(2):
            with self.shop.platform.warehouse.connect(writing=True) as connection:
                counts = load_sessions(
                    connection,
                    LATE,
                    [batch],
                    feed="landing",
                    replacing=False,
                    undated=LATE.start,
                    at=wall_clock(now()),
                )
            assert (counts.received, counts.accepted, counts.rejected) == (32, 30, 2)

    def read_all_tables(self) -> None:
        """Read a sample to train on, the counts of all tables, and all their rows."""
        with self.shop.platform.warehouse.connect() as connection:
            capped = self.shop.settings.training.model_copy(update={"max_sessions": 100})
            sample = training_rows(connection, Window(day_of("2024-02-01"), day_of("2024-05-01")), capped)
            assert sample.num_rows <= 100
            row_counts(connection)
            for table in TABLES:
                connection.fetch(f"SELECT * FROM {table.name}")

    def observe_a_table(self) -> None:
        """Build dataset as if somebody else had filled SOURCE, with one row that breaks the contract."""
        observing = replace(self.shop, settings=self.shop.settings.model_copy(update={"feed": "table"}))
        with self.shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute(
                f"UPDATE SOURCE SET REGION = -1 WHERE UID = (SELECT MIN(UID) FROM SOURCE WHERE {in_window(SOURCE)})",
                start=MAY.start,
                end=MAY.end,
            )
            assert observed_extent(connection, ObservedTable.of(observing.settings)) is not None
        self.tick("table_sensor", observing)
        self.run("sessions_job", MAY.keys[0], MAY.keys[-1], shop=observing)
        assert self.shop.rows("SOURCE_REJECTED", "FEED", MAY) == [("table",)]

    def read_as_the_commands_do(self) -> None:
        """Send the statements of `make demo`, `make game-day` and `make replay`."""
        refuse_a_mixture(self.shop.settings, self.shop.platform)
        month = day_of("2024-05-01")
        with self.shop.platform.warehouse.connect() as connection:
            assert ranking_on(connection, MAY.start)
            month_summaries(connection, [month.isoformat()])
        assert dataset_months(self.shop.platform) == Window(day_of("2024-02-01"), day_of("2024-07-01"))
        challenger = replayed_challenger(self.shop.platform, month, self.shop.settings.training)
        assert challenger is not None
        score_history(self.shop.platform, [month], {month: challenger})

    def tick(self, sensor: str, shop: Shop | None = None) -> None:
        shop = shop or self.shop
        evaluate(shop.settings, sensor, shop.instance, platform=shop.platform)

    def settle_a_move(self) -> None:
        """Move the pointer behind the platform's back, and write the row that the ledger lacks."""
        registry = self.shop.platform.registry
        registry.move_champion(registry.version(self.shop.other), registry.champion())
        assert len(settle(self.shop.platform).repairs) > 0

    def delete_old_sessions(self) -> None:
        """Delete the raw sessions before May, and ask for the deleted days."""
        raw_days, landing = (now().date() - MAY.start).days, self.shop.settings.landing_folder
        expired = delete_expired(
            self.shop.platform, session_source(self.shop.settings), raw_days, landing, run_id="the story"
        )
        assert expired.rows["SOURCE"] > 0
        with pytest.raises(RawSessionsDeleted):
            build_dataset(self.shop.platform, Window(day_of("2024-04-30"), MAY.end), session_source(self.shop.settings))
        self.failed_checks |= self.shop.failing_checks()

    def forget_a_visitor(self) -> None:
        uid = self.shop.rows("SOURCE", "UID", MAY)[0][0]
        assert forget_rows(self.shop.platform, uid)["SOURCE"] == 1
        assert rows_naming(self.shop.platform, uid) == {}

    def prove_without_rows(self, version: str) -> None:
        """Prove that the version scores when DATASET is empty, on a made-up session."""
        with self.shop.platform.warehouse.connect(writing=True) as connection:
            connection.execute("DELETE FROM DATASET")
        prove_fit(self.shop.platform, self.shop.platform.registry.version(version))
