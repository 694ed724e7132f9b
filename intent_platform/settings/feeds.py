"""Settings of the session sources: the UCI file, landing files, the simulated shop and the observed table."""

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
    year: int = Field(2024, ge=1970, le=2200, description="Year of the sessions, because the file has only months.")
    session_dates: Literal["month_start", "spread"] = Field(
        "month_start",
        description="`month_start` dates each session on the 1st of its month. "
        "`spread` gives each session a fixed day of its month.",
    )


class LandingSettings(Section):
    """The landing feed: the folder into which files are dropped, and when a file is complete."""

    folder: AbsolutePath | None = Field(
        None, description="Folder into which files are dropped. `null` means `landing/` in `home`."
    )
    done_files: bool = Field(
        False, description="If true, a file `sales.csv` is complete only if `sales.csv.done` is beside it."
    )
    quiet_seconds: float = Field(
        10.0, ge=0, description="Seconds without a write after which a file counts as complete."
    )


class ScenarioSettings(Section):
    """The scenario of the simulated feed: a change in the shop or in its data."""

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
    ] = Field("none", description="Kind of the change; docs/simulator.md describes each one.")
    start: date | None = Field(None, description="First day of the scenario. Every kind except `none` needs it.")
    end: date | None = Field(
        None, description="First day after the scenario. `null` means that the scenario does not end."
    )
    strength: float = Field(
        1.0, gt=0, le=1, description="Share of the sessions that the scenario affects, or the size of its change."
    )

    @model_validator(mode="after")
    def _has_a_start(self) -> "ScenarioSettings":
        if self.kind != "none" and self.start is None:
            raise ValueError(f"the scenario {self.kind} needs a start, a date YYYY-MM-DD")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"the end {self.end} of the scenario {self.kind} must be after its start {self.start}")
        return self


class SimulatedSettings(Section):
    """The simulated feed: sessions of each past day from `first_day` on, drawn from distributions fitted to UCI."""

    seed: Count = Field(0, description="Seed of the simulated shop. The same seed gives the same sessions.")
    sessions_per_day: Annotated[int, Field(ge=10, le=10_000_000)] = Field(
        200, description="Mean number of sessions a day over a year. The number varies by month, weekend and chance."
    )
    scenario: ScenarioSettings = ScenarioSettings()


#: Name under which the DuckDB file of `table.file` is attached to the local warehouse.
ATTACHED = "ELSEWHERE"
_NAME = r"[A-Za-z_][A-Za-z0-9_$]*"  # a name that needs no quotes on either platform


class TableSettings(Section):
    """The observed table, which somebody else fills and the platform only reads."""

    relation: str | None = Field(
        None,
        description="Table or view, as `[[DATABASE.]SCHEMA.]NAME`. `null` means `SOURCE` in the platform's schema.",
    )
    file: AbsolutePath | None = Field(
        None, description="DuckDB file of the table, on `local` only. `null` means the local warehouse itself."
    )
    every_seconds: Positive = Field(300, description="Seconds between two checks of the table for changed days.")

    @property
    def name(self) -> str:
        """The name of the table in statements."""
        return f"{ATTACHED}.{self._relation}" if self.file else self._relation

    @property
    def title(self) -> str:
        """The name of the table in messages."""
        return f"{self._relation} in {self.file}" if self.file else self._relation

    @property
    def _relation(self) -> str:
        return (self.relation or SOURCE.name).upper()

    @model_validator(mode="after")
    def _relation_is_a_name(self) -> "TableSettings":
        if self.relation is not None and not re.fullmatch(rf"{_NAME}(\.{_NAME}){{0,2}}", self.relation):
            raise ValueError(
                f"relation {self.relation!r} must be [[DATABASE.]SCHEMA.]NAME, with names that need no quotes"
            )
        return self

    @model_validator(mode="after")
    def _the_file_is_the_database(self) -> "TableSettings":
        if self.file is not None and (self.relation or "").count(".") > 1:
            raise ValueError(f"relation {self.relation} names a database, but table.file is the database: leave it out")
        return self
