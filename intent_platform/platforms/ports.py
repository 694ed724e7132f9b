"""The two ports that every platform implements: `Warehouse` and `ModelRegistry`.

All SQL is in Snowflake's dialect, with `:name` for values. An adapter runs it unchanged or transpiles it. Work that
is the same SQL on every platform belongs in the modules beside this one, not in the ports.
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
from intent_platform.platforms.aliases import RegistryState
from intent_platform.platforms.versions import ModelVersion, Provenance

#: A value of a statement. A sequence becomes the list after `IN`.
Value = str | int | float | bool | date | datetime | None | Sequence[str]

#: The SQL function that `use_model` binds to a version. It takes the features in order and returns a probability.
PREDICT_FUNCTION = "PREDICT_PURCHASE_INTENT"


@dataclass(frozen=True)
class ScoringModel:
    """What the warehouse needs to score with a version.

    Attributes:
        version: the name of the version.
        features: the arguments of `PREDICT_FUNCTION`, in order.
        model: the loaded model; None where the warehouse itself can call the models of the registry.
    """

    version: str
    features: tuple[str, ...]
    model: IntentModel | None = None


class Connection(ABC):
    """One conversation with the warehouse. Threads must not share it."""

    @abstractmethod
    def fetch(self, sql: str, **values: Value) -> pa.Table:
        """All rows of a query, as an Arrow table.

        Raises:
            VersionUnfit: the version given to `use_model` cannot score a session.
        """

    def row(self, sql: str, **values: Value) -> dict[str, Any]:
        """The first row of a query, by column name; empty if the query returns no rows."""
        return next(iter(self.fetch(sql, **values).slice(0, 1).to_pylist()), {})

    def value(self, sql: str, **values: Value) -> Any:
        """The value of a query that returns one row with one column."""
        return self.fetch(sql, **values).column(0)[0].as_py()

    @abstractmethod
    def execute(self, sql: str, **values: Value) -> int:
        """Run one statement, and return the number of rows that it inserted, deleted or updated."""

    @abstractmethod
    def stage(self, name: str, batch: pa.Table) -> None:
        """Append `batch` to the temporary table `name`. The first batch of the connection creates the table.

        Call it before `transaction()`, because creating a table ends a transaction on Snowflake.
        """

    @abstractmethod
    def describe(self, relation: str) -> Mapping[str, str]:
        """The columns of a table or view that somebody else owns, with their types.

        A type is a `tables.SqlType`, or the engine's own name where the contract has no such type. Later statements
        can read the table or view. Call this before `transaction()`.

        Raises:
            FeedError: the table or view does not exist, or the platform may not read it.
            WarehouseError: another process holds it.
        """

    @abstractmethod
    def use_model(self, scoring_model: ScoringModel) -> None:
        """Bind `PREDICT_FUNCTION` to this version for later statements. Call it before `transaction()`."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Commit all statements inside at the end, or none of them if an exception is raised."""


class Warehouse(Protocol):
    """The store of the tables."""

    def connect(
        self, *, writing: bool = False, timeout_seconds: float | None = None
    ) -> AbstractContextManager[Connection]:
        """Open a connection and close it at the end. Missing tables of `tables.TABLES` are created first.

        Args:
            writing: whether the connection changes tables. Without it, some warehouses refuse changes.
            timeout_seconds: how long to wait for a busy warehouse, in seconds. None means the value of the settings.

        Raises:
            WarehouseError: the warehouse cannot be reached or written, is busy for too long, or has a table with
                other columns.
        """


class ModelRegistry(Protocol):
    """The store of the versions, and of the pointer to the champion.

    `version` looks up a name that comes from a person or a table. The other methods take the version itself.
    Methods that change versions or the pointer also keep the aliases right; see `aliases.chosen_aliases`.
    """

    def log(self, model: IntentModel, provenance: Provenance, trials: Sequence[Trial]) -> ModelVersion:
        """Store a model as a new version with a new name. On return, the version can be found and loaded."""

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""

    def version(self, name: str) -> ModelVersion:
        """The version of that name.

        Raises:
            InvalidVersionName: the text does not have the form of a version name.
            UnknownVersion: the registry does not have the version.
        """

    def load(self, version: ModelVersion) -> IntentModel:
        """The model of that version, ready to score.

        Raises:
            UnknownVersion: the version was deleted.
            VersionUnfit: its artifact or its provenance cannot be read, or the artifact is not the one that was logged.
        """

    def scoring_model(self, version: ModelVersion) -> ScoringModel:
        """That version, with all that the platform's warehouse needs to score with it.

        Raises:
            UnknownVersion: the version was deleted. Only registries that load the artifact notice it here.
            VersionUnfit: its artifact cannot be read.
        """

    def champion(self) -> ModelVersion | None:
        """The version that the pointer names; None before the first move."""

    def state(self) -> RegistryState:
        """The champion and the aliases, at one moment."""

    def align_aliases(self) -> bool:
        """Give the aliases to the versions that the rule chooses. Returns whether they name these versions now."""

    def move_champion(self, to: ModelVersion, expected: ModelVersion | None) -> None:
        """Move the pointer to `to` if it still names `expected` (compare-and-set).

        Raises:
            ChampionMoved: the pointer names another version. Nothing was moved.
            UnknownVersion: `to` was deleted.
        """

    def delete(self, version: ModelVersion) -> None:
        """Delete a version and its files for good.

        Raises:
            UnknownVersion: the version was already deleted.
            StillNeeded: the version is the champion, or the registry does not allow its deletion.
        """

    def sweep(self) -> int:
        """Delete what interrupted loggings and deletions left, and return how many things that were.

        It never touches what another process is still logging.
        """

    def set_quarantine(self, version: ModelVersion, reason: str | None) -> None:
        """Quarantine a version for `reason`: no evaluation may promote it. None lifts the quarantine."""


class ChampionMonitor(Protocol):
    """An object of the warehouse's vendor that watches the champion's scores. The platform does not depend on it."""

    def follow(self, connection: Connection, champion: ModelVersion) -> None:
        """Watch `champion` instead of the version before. If nobody asked for a monitor, do nothing.

        The connection has no open transaction.
        """

    def statements(self, connection: Connection, champion: ModelVersion) -> list[str]:
        """The statements that create the monitor of `champion` and stop the others."""


@dataclass(frozen=True)
class Platform:
    """A warehouse and a registry that belong together. `monitor` is None where the vendor has none."""

    warehouse: Warehouse
    registry: ModelRegistry
    monitor: ChampionMonitor | None = None


def challenger_of(versions: Iterable[ModelVersion], month: date) -> ModelVersion | None:
    """The challenger of a month: the version that was trained last for it. None if the month has no version.

    A version whose provenance this release cannot read has no known month.
    """
    candidates = [version for version in versions if version.is_readable and version.provenance.month == month]
    return max(candidates, key=lambda version: version.name, default=None)
