"""Sections of the feeds: the UCI file, landing files, the simulated shop and the observed table."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from intent_platform.settings.types import AbsolutePath, Count, Positive, Section
from intent_platform.tables import SOURCE


class UciSettings(Section):
    """The UCI feed: where its file is and how its months become dates."""

    csv: AbsolutePath | None = Field(
        None, description="Path of `online_shoppers_intention.csv`. `null` downloads the file once, into `home`."
    )
    year: int = Field(2024, ge=1970, le=2200, description="Year in which the months of the file are placed.")
    session_dates: Literal["month_start", "spread"] = Field(
        "month_start",
        description="`month_start` dates sessions on the 1st of their month. "
        "`spread` gives each session a fixed day within its month.",
    )


class LandingSettings(Section):
    """The landing feed: the folder into which files are dropped, and when a file is complete."""

    folder: AbsolutePath | None = Field(
        None, description="Folder into which files are dropped. `null` means `landing/` in `home`."
    )
    done_files: bool = Field(False, description="If true, `sales.csv` is complete when `sales.csv.done` is beside it.")
    quiet_seconds: float = Field(
        10.0, ge=0, description="Seconds since the last write after which a file counts as complete."
    )


class ScenarioSettings(Section):
    """The scenario of the simulated feed: what happens to the shop or to its data, and when."""

    kind: Literal[
        "none",
        "gradual_drift",
        "meaningless_pagevalues",
        "new_traffic_source",
        "browser_release",
        "empty_cells",
        "stuck_counter",
        "doubled_file",
        "late_rows",
        "missing_day",
        "repeated_day",
        "seasonal_peak",
    ] = Field("none", description="What happens; docs/simulator.md describes each kind.")
    start: date | None = Field(None, description="First day of the scenario. Every kind except `none` needs it.")
    end: date | None = Field(
        None, description="First day on which everything is as before. `null` means that the scenario does not end."
    )
    strength: float = Field(
        1.0, gt=0, le=1, description="Share of the sessions that are affected, or how far the change goes."
    )

    @model_validator(mode="after")
    def _has_a_start(self) -> "ScenarioSettings":
        if self.kind != "none" and self.start is None:
            raise ValueError(f"the scenario {self.kind} needs a start, a date YYYY-MM-DD")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"the scenario {self.kind} ends {self.end}, which is not after its start {self.start}")
        return self


class SimulatedSettings(Section):
    """The simulated feed: sessions of every past day from `first_day` on, drawn from figures fitted to UCI."""

    seed: Count = Field(0, description="Seed of the simulated shop. The same seed gives the same sessions.")
    sessions_per_day: Annotated[int, Field(ge=10, le=10_000_000)] = Field(
        200, description="Mean number of sessions a day over a year. Months, weekends and chance vary it."
    )
    scenario: ScenarioSettings = ScenarioSettings()


#: Name under which the DuckDB file of `table.file` is attached to the local warehouse.
ATTACHED = "ELSEWHERE"
_NAME = r"[A-Za-z_][A-Za-z0-9_$]*"  # needs no quotes on either platform


class TableSettings(Section):
    """The observed table, which somebody else fills; the platform reads it and never writes it."""

    relation: str | None = Field(
        None,
        description="Table or view, as `[[DATABASE.]SCHEMA.]NAME`. `null` means `SOURCE` in the platform's schema.",
    )
    file: AbsolutePath | None = Field(
        None, description="DuckDB file of the table, on `local` only. `null` means the local warehouse itself."
    )
    every_seconds: Positive = Field(300, description="Seconds between two looks at the table for changed days.")

    @property
    def name(self) -> str:
        """What statements call it."""
        return f"{ATTACHED}.{self._relation}" if self.file else self._relation

    @property
    def title(self) -> str:
        """What people are told of."""
        return f"{self._relation} in {self.file}" if self.file else self._relation

    @property
    def _relation(self) -> str:
        return (self.relation or SOURCE.name).upper()

    @model_validator(mode="after")
    def _relation_is_a_name(self) -> "TableSettings":
        if self.relation is not None and not re.fullmatch(rf"{_NAME}(\.{_NAME}){{0,2}}", self.relation):
            raise ValueError(
                f"relation {self.relation!r} is not a [[DATABASE.]SCHEMA.]NAME of names that need no quotes"
            )
        return self

    @model_validator(mode="after")
    def _the_file_is_the_database(self) -> "TableSettings":
        if self.file is not None and (self.relation or "").count(".") > 1:
            raise ValueError(f"the database of {self.relation} is table.file: leave it out of relation")
        return self
