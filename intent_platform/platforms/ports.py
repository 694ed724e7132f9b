"""The two ports every platform implements: `Warehouse` and `ModelRegistry`.

All SQL is Snowflake's, with `:name` for values; an adapter runs it as it is or transpiles it. What can be
said in SQL once is not here but in the modules beside this one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import pyarrow as pa

from intent_platform.modelling.model import IntentModel
from intent_platform.modelling.search import Trial
from intent_platform.platforms.versions import ModelVersion, Provenance

Value = str | int | float | bool | date | datetime | None | Sequence[str]

#: The SQL function that a session offers after `use_model`: the model's features in order -> probability.
PREDICT_FUNCTION = "PREDICT_PURCHASE_INTENT"


@dataclass(frozen=True)
class ScoringModel:
    """A version as the warehouse of its platform scores with it: it takes `features`, in order.

    `model` is None where the warehouse has the registry's models at hand itself.
    """

    version: str
    features: tuple[str, ...]
    model: IntentModel | None = None


class Connection(ABC):
    """One conversation with the warehouse. Not for use by several threads."""

    @abstractmethod
    def fetch(self, sql: str, **values: Value) -> pa.Table:
        """All rows of a query, column by column.

        Raises:
            VersionUnfit: the version in use failed at scoring a session.
        """

    def row(self, sql: str, **values: Value) -> dict[str, Any]:
        """The first row of a query by column name; empty when the query gives none."""
        return next(iter(self.fetch(sql, **values).slice(0, 1).to_pylist()), {})

    def value(self, sql: str, **values: Value) -> Any:
        """The one value of a query that gives one row of one column."""
        return self.fetch(sql, **values).column(0)[0].as_py()

    @abstractmethod
    def execute(self, sql: str, **values: Value) -> int:
        """Run one statement; the number of rows it inserted, deleted or updated."""

    @abstractmethod
    def stage(self, name: str, batch: pa.Table) -> None:
        """Append `batch` to the temporary table `name`, which the session's first batch of that name creates.

        Call it before `transaction()`: creating a table ends a transaction on Snowflake.
        """

    @abstractmethod
    def describe(self, relation: str) -> Mapping[str, str]:
        """The columns of a table or view of somebody else, and their types: `tables.SqlType`s, or what the engine says.

        From then on statements can read it. Before `transaction()`.

        Raises:
            FeedError: it is not there, or may not be read.
            WarehouseError: another process holds it.
        """

    @abstractmethod
    def use_model(self, scoring_model: ScoringModel) -> None:
        """Let this version answer `PREDICT_FUNCTION` in the statements that follow. Before `transaction()`."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """All statements inside take effect together when it is left, or none when an exception leaves it."""


class Warehouse(Protocol):
    """Where the tables are."""

    def connect(
        self, *, writing: bool = False, timeout_seconds: float | None = None
    ) -> AbstractContextManager[Connection]:
        """Connect, creating the tables of `tables.TABLES` that are missing; always closed on leaving.

        `timeout_seconds` is how many seconds to wait for a busy warehouse; None leaves it to the settings.

        Raises:
            WarehouseError: it cannot be reached or written, is busy for too long, or its tables have other columns.
        """


class ModelRegistry(Protocol):
    """Where the versions are, and the one pointer to the champion.

    `version` looks up a name that a person or a table gives. The other methods take the version itself.
    """

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a new version under a new name. When it returns, the version can be found and loaded."""

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest name first."""

    def version(self, name: str) -> ModelVersion:
        """The version of that name.

        Raises:
            InvalidVersionName: the name is malformed.
            UnknownVersion: there is none.
        """

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, ready to score.

        Raises:
            UnknownVersion: there is no such version.
            VersionUnfit: its artifact cannot be read.
        """

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version, for the sessions of the platform's warehouse.

        Raises:
            UnknownVersion: the version was deleted, where its artifact is needed.
            VersionUnfit: its artifact cannot be read.
        """

    def champion(self) -> ModelVersion | None:
        """The version that the pointer is at; None before the first move."""

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer in one step, if it still is at `expected`.

        Raises:
            ChampionMoved: it is elsewhere; nothing is moved.
            UnknownVersion: `to` was deleted.
        """

    def delete(self, version: ModelVersion) -> None:
        """Remove a version with its files, for good.

        Raises:
            UnknownVersion: there is none.
            StillNeeded: it is the champion, or the registry cannot be without it.
        """

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Mark a version as not to be promoted by evaluations, or (None) lift that."""


@dataclass(frozen=True)
class Platform:
    """A warehouse and a registry that belong together."""

    warehouse: Warehouse
    registry: ModelRegistry


def challenger_of(versions: Iterable[ModelVersion], month: date) -> ModelVersion | None:
    """The challenger of a month. Training a month again supersedes its earlier version, so the last one generated."""
    candidates = [version for version in versions if version.provenance.month == month]
    return max(candidates, key=lambda version: version.name, default=None)
